import { z } from 'zod';
import { pageOf, pageQuery } from '../kernel/http/pages.js';
import { oneOrMany, uuidParam } from '../kernel/http/shapes.js';
import type { JsonObject } from './definition/json.js';

/** What of a value instances are searched by; the rest does not count. */
export const MAX_SEARCHED = 200;

const variables = z.record(z.string(), z.json());
const INSTANCE_STATUSES = ['running', 'completed', 'failed', 'cancelled'] as const;

export const startInstance = z
  .strictObject({
    workflow: z
      .string()
      .min(1)
      .max(120)
      .regex(/^[a-z0-9][a-z0-9._-]*(@\d{1,9})?$/, 'must be a key, or key@version')
      .meta({ description: 'The key, for the latest version, or key@version.' }),
    variables: variables.default({}).meta({ description: 'Checked against the inputs.' }),
    business_key: z.string().min(1).max(255).optional().meta({
      description: 'A name of your own to find it by; many may have the same.',
    }),
    start_key: z.string().min(1).max(255).optional().meta({
      description:
        'A second instance of the workflow with it is not started; the first is answered.',
    }),
    node: z.string().max(64).optional().meta({ description: 'One of several start nodes.' }),
  })
  .meta({
    id: 'StartWorkflowInstance',
    examples: [{ workflow: 'order', variables: { customer: 'ann' }, business_key: 'order-17' }],
  });
export type StartRequest = z.output<typeof startInstance>;
export const startInstancesBody = oneOrMany(startInstance);

export const incident = z.object({ code: z.string(), message: z.string() });

export const instanceView = z
  .object({
    id: uuidParam,
    workflow: z.string(),
    version: z.int(),
    status: z.enum(INSTANCE_STATUSES),
    business_key: z.string().nullable(),
    start_key: z.string().nullable(),
    parent_id: z.uuid().nullable(),
    variables,
    outcome: z.string().nullable(),
    error: incident.nullable(),
    incidents: z.int().meta({ description: 'Tokens that are stuck.' }),
    paused: z.boolean().meta({ description: 'As a whole; nodes may be paused besides.' }),
    started_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    ended_at: z.iso.datetime().nullable(),
  })
  .meta({
    id: 'WorkflowInstance',
    examples: [
      {
        id: '019aa3a4-5b6c-7d8e-9f00-112233445566',
        workflow: 'order',
        version: 1,
        status: 'running',
        business_key: 'order-17',
        start_key: null,
        parent_id: null,
        variables: { customer: 'ann' },
        outcome: null,
        error: null,
        incidents: 0,
        paused: false,
        started_at: '2025-11-21T09:30:00.000Z',
        updated_at: '2025-11-21T09:30:00.000Z',
        ended_at: null,
      },
    ],
  });

export type InstanceView = Omit<
  z.output<typeof instanceView>,
  'variables' | 'started_at' | 'updated_at' | 'ended_at'
> & {
  readonly variables: JsonObject;
  readonly started_at: Date;
  readonly updated_at: Date;
  readonly ended_at: Date | null;
};

export const instancePage = pageOf(instanceView);

/** `name:value`, once or more often. */
const searched = z
  .string()
  .regex(/^[\w-]{1,64}:.*$/s, 'must be name:value')
  .transform((text) => {
    const [name = '', ...rest] = text.split(':');
    return { name, value: rest.join(':').slice(0, MAX_SEARCHED) };
  });

export const listInstancesQuery = pageQuery
  .extend({
    workflow: z.string().optional(),
    status: z.enum(INSTANCE_STATUSES).optional(),
    business_key: z.string().optional(),
    parent_id: z.uuid().optional(),
    variable: z
      .union([searched.transform((one) => [one]), z.array(searched).max(10)])
      .default([])
      .meta({
        description: 'name:value of a variable among the indexes of the workflow; all must match.',
        examples: ['customer:ann'],
      }),
  })
  .refine(({ variable, workflow }) => variable.length === 0 || workflow !== undefined, {
    path: ['workflow'],
    error: 'is needed to search by variables',
  });
export type ListInstancesRequest = z.output<typeof listInstancesQuery>;

export const historyQuery = pageQuery;
export type HistoryRequest = z.output<typeof historyQuery>;

const entry = z
  .object({
    seq: z.int(),
    at: z.iso.datetime(),
    command: z.looseObject({ type: z.string() }),
    events: z.array(z.looseObject({ type: z.string() })),
  })
  .meta({ id: 'WorkflowDecision' });
export const historyPage = pageOf(entry);
export type HistoryEntry = Omit<z.output<typeof entry>, 'at'> & { readonly at: Date };

export const positions = z.object({
  items: z.array(
    z
      .object({
        token: z.int(),
        node: z.string(),
        inside: z.int().meta({ description: 'The token that it lies in; 0 is the instance.' }),
        status: z.enum(['ready', 'waiting', 'blocked', 'incident']),
        waits_for: z.string().nullable(),
        timers: z.record(z.string(), z.iso.datetime()),
        incident: incident.nullable(),
      })
      .meta({ id: 'WorkflowPosition' }),
  ),
});
export type PositionView = z.output<typeof positions>['items'][number];

export const tokenChoice = z
  .strictObject({ token: z.int().min(1).optional() })
  .default({})
  .meta({ description: 'One token; default: all.' });
export type TokenChoice = z.output<typeof tokenChoice>;

/** Bodies of the messages that the program sends to itself. */
const uuid = uuidParam;
const token = z.int().min(0);
const attempt = z.int().min(1);
export const fireTimer = z.object({ instance_id: uuid, token, timer: z.string(), at: z.int() });
export type FireTimer = z.output<typeof fireTimer>;

export const fireStart = z.object({ key: z.string(), node: z.string(), at: z.int() });
export type FireStart = z.output<typeof fireStart>;

/** As the tasks module tells it. */
export const jobsEnded = z.object({
  ends: z.array(
    z.object({
      mark: z.object({ instance_id: uuid, token, attempt }),
      task_id: uuid,
      kind: z.string(),
      status: z.enum(['succeeded', 'failed', 'cancelled']),
      result: z.json().optional(),
      error: z.object({ code: z.string(), message: z.string(), reason: z.string() }).optional(),
    }),
  ),
});
export type JobsEnded = z.output<typeof jobsEnded>;

export const childEnded = z.object({
  instance_id: uuid,
  token,
  attempt,
  status: z.enum(['completed', 'failed', 'cancelled']),
  outcome: z.string(),
  result: z.json(),
  error: incident.optional(),
});
export type ChildEnded = z.output<typeof childEnded>;

export const childEscalated = z.object({
  instance_id: uuid,
  token,
  attempt,
  code: z.string(),
  data: z.json(),
});
export type ChildEscalated = z.output<typeof childEscalated>;

export const cancelChild = z.object({ parent_id: uuid, token, attempt });
export type CancelChild = z.output<typeof cancelChild>;

export const reconsider = z.object({ key: z.string(), after: uuid.optional() });
export type Reconsider = z.output<typeof reconsider>;
