import { z } from 'zod';
import { oneOrMany } from '../kernel/http/shapes.js';
import { draftBody, workflowKey } from './workflows.dto.js';

const START = { id: 'start', type: 'start' };

export const createWorkflow = z
  .object({ key: workflowKey, name: z.string().max(200).optional() })
  .catchall(z.json())
  .meta({
    id: 'CreateWorkflow',
    description: 'A key, and as much of a draft as there is already.',
    examples: [{ key: 'order', name: 'Orders', nodes: [START] }],
  });
export type CreateWorkflowRequest = z.output<typeof createWorkflow>;
export const createWorkflowsBody = oneOrMany(createWorkflow, 100);

/** The revision that the author of an edit has seen. */
export const editQuery = z.object({
  revision: z.coerce.number().int().min(1).optional().meta({
    description: 'Only if the draft is at this revision; else 409.',
  }),
});
export type EditQuery = z.output<typeof editQuery>;

const name = z.string().min(1).max(64);

/** A node may be wrong, as a draft may be; the findings tell. Only its name must be one. */
export const nodeBody = z
  .object({ id: name })
  .catchall(z.json())
  .meta({
    id: 'DraftNode',
    description: 'A node as GET /workflow-schema describes it; it may have errors.',
    examples: [{ id: 'pack', type: 'task', kind: 'human', config: { roles: ['packer'] } }],
  });

export const nodeChange = draftBody.meta({
  id: 'ChangeDraftNode',
  description:
    'A JSON Merge Patch (RFC 7396): null removes a field. A new id is taken over by flows and by nodes that name it.',
  examples: [{ kind: 'human', config: { title: 'Pack it' }, due: null }],
});

export const flowBody = z
  .object({ id: name.optional(), from: name, to: name })
  .catchall(z.json())
  .meta({
    id: 'DraftFlow',
    description: 'A flow; without an id it is given one.',
    examples: [{ from: 'check', on: 'confirmed', to: 'pack' }],
  });

export const nodeIdParam = name.meta({ examples: ['pack'] });
export const flowIdParam = z
  .string()
  .min(1)
  .max(300)
  .meta({
    description: 'Its id, or what a flow without one is called: `from → to`, `from[outcome] → to`.',
    examples: ['check_confirmed_pack'],
  });
