import { z } from 'zod';
import { pageOf, pageQuery } from '../kernel/http/pages.js';
import { uuidParam } from '../kernel/http/shapes.js';

const filter = {
  workflow: z.string().max(100).optional(),
  code: z.string().max(200).optional(),
  node: z.string().max(64).optional(),
  instance_id: z.uuid().toLowerCase().optional(),
};

export const listIncidentsQuery = pageQuery.extend(filter);
export type ListIncidentsRequest = z.output<typeof listIncidentsQuery>;

const incidentView = z
  .object({
    instance_id: uuidParam,
    token: z.int().meta({ description: '0 is the instance itself.' }),
    workflow: z.string(),
    version: z.int(),
    node: z.string(),
    code: z.string(),
    message: z.string(),
    raised_at: z.iso.datetime(),
  })
  .meta({
    id: 'WorkflowIncident',
    examples: [
      {
        instance_id: '019aa3a4-5b6c-7d8e-9f00-112233445566',
        token: 2,
        workflow: 'order',
        version: 1,
        node: 'total',
        code: 'expression-failed',
        message: 'no such overload: string * double in price * 2',
        raised_at: '2025-11-21T09:30:00.000Z',
      },
    ],
  });
export type IncidentView = Omit<z.output<typeof incidentView>, 'raised_at'> & {
  readonly raised_at: Date;
};
export const incidentPage = pageOf(incidentView);

export const resolveIncidents = z
  .strictObject({
    filter: z
      .strictObject(filter)
      .refine((given) => Object.values(given).some((value) => value !== undefined), {
        error: 'must name a workflow, a code, a node or an instance',
      }),
    variables: z
      .record(z.string(), z.json())
      .optional()
      .meta({ description: 'Set in each instance before it is tried again.' }),
  })
  .meta({
    id: 'ResolveWorkflowIncidents',
    examples: [
      { filter: { workflow: 'order', code: 'expression-failed' }, variables: { price: 4 } },
    ],
  });
export type ResolveIncidentsRequest = z.output<typeof resolveIncidents>;
