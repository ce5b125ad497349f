import { z } from 'zod';
import { pageOf, pageQuery } from '../kernel/http/pages.js';
import { oneOrMany } from '../kernel/http/shapes.js';
import { nodeId, outcomeName } from './definition/draft.attributes.js';
import { workflowKey } from './workflows.dto.js';

const map = z.record(nodeId, z.json()).meta({
  description:
    'Variables of the workflow that is started: JSON in which strings beginning with "=" are CEL and others may hold {{ CEL }}. Sees the variables of the one that has ended, `outcome`, `config` and `instance`.',
});

export const createLink = z
  .strictObject({
    from: z.strictObject({
      workflow: workflowKey,
      end: outcomeName.optional().meta({
        description: 'The outcome that instances complete with; default: any.',
      }),
    }),
    to: workflowKey,
    map: map.default({}),
  })
  .meta({
    id: 'CreateWorkflowLink',
    examples: [
      {
        from: { workflow: 'order', end: 'confirmed' },
        to: 'delivery',
        map: { customer: '=customer' },
      },
    ],
  });
export type CreateLinkRequest = z.output<typeof createLink>;
export const createLinksBody = oneOrMany(createLink, 100);

export const linkView = z
  .object({
    id: z.uuid(),
    from: z.object({ workflow: z.string(), end: z.string().nullable() }),
    to: z.string(),
    map: z.record(z.string(), z.json()),
    created_at: z.iso.datetime(),
    last_error: z
      .object({ message: z.string(), instance_id: z.uuid(), at: z.string() })
      .nullable()
      .meta({ description: 'Why, last time, nothing was started behind an instance.' }),
  })
  .meta({ id: 'WorkflowLink' });
export type LinkView = Omit<z.output<typeof linkView>, 'created_at'> & {
  readonly created_at: Date;
};

export const linkPage = pageOf(linkView);
export const listLinksQuery = pageQuery.extend({
  from: z.string().optional(),
  to: z.string().optional(),
});
export type ListLinksRequest = z.output<typeof listLinksQuery>;
