import { z } from 'zod';
import { incident } from './workflow-instances.dto.js';

const variables = z.record(z.string(), z.json());
const MOST_MS = 366 * 86_400_000;
const afterMs = z.int().min(0).max(MOST_MS).meta({ description: 'On the virtual clock.' });

const ending = z.strictObject({
  outcome: z.string().optional().meta({ description: 'Default: the first of the node.' }),
  result: z.json().optional(),
  error: incident.optional().meta({ description: 'It fails instead.' }),
  after_ms: afterMs.default(0),
});

const arrival = z
  .strictObject({
    after_ms: afterMs.default(0),
    message: z.string().optional(),
    signal: z.string().optional(),
    key: z.string().optional(),
    data: z.json().default(null),
  })
  .refine(({ message, signal }) => (message === undefined) !== (signal === undefined), {
    error: 'must name a message or a signal',
  });

export const simulateDraft = z
  .strictObject({
    variables: variables.default({}),
    config: variables.default({}).meta({ description: 'Over the defaults.' }),
    node: z.string().optional().meta({ description: 'One of several start nodes.' }),
    data: z.json().optional().meta({ description: 'What the trigger of that node gives.' }),
    start_at: z.iso.datetime({ offset: true }).optional().meta({ description: 'Default: now.' }),
    endings: z
      .record(z.string(), z.union([ending, z.array(ending).min(1).max(1_000)]))
      .default({})
      .meta({
        description:
          'How the work of a node ends, each time, or time after time (the last one repeats). Work without an ending is left waiting.',
      }),
    arrivals: z.array(arrival).max(1_000).default([]).meta({ description: 'From outside.' }),
    until_ms: z
      .int()
      .min(0)
      .max(MOST_MS)
      .default(30 * 86_400_000),
    most_decisions: z.int().min(1).max(10_000).default(10_000),
  })
  .meta({
    id: 'SimulateWorkflow',
    examples: [
      {
        variables: { price: 4 },
        endings: { check: { outcome: 'confirmed', after_ms: 3_600_000 }, pack: {} },
      },
    ],
  });
export type SimulateRequest = z.output<typeof simulateDraft>;

const place = { node: z.string() };

export const simulationView = z
  .object({
    status: z.enum(['new', 'running', 'completed', 'failed', 'cancelled']),
    variables,
    steps: z.array(z.object({ ...place, outcome: z.string(), after_ms: z.int() })).meta({
      description:
        'Nodes in the order in which they were done; of this and every list 10,000 at most.',
    }),
    waiting: z
      .array(z.object({ ...place, for: z.string() }))
      .meta({ description: 'Where it waits at the end.' }),
    incidents: z.array(z.object({ ...place, message: z.string() })),
    rejections: z
      .array(z.object({ code: z.string(), message: z.string() }))
      .meta({ description: 'What came in vain.' }),
    took_ms: z.int().meta({ description: 'On the virtual clock.' }),
    stopped_by: z.enum(['until_ms', 'most_decisions', 'time']).nullable().meta({
      description: 'Null: nothing more happens. time: a tenth of a second of computing is over.',
    }),
  })
  .meta({
    id: 'WorkflowSimulation',
    examples: [
      {
        status: 'running',
        variables: { price: 4 },
        steps: [{ node: 'start', outcome: 'done', after_ms: 0 }],
        waiting: [{ node: 'check', for: 'human' }],
        incidents: [],
        rejections: [],
        took_ms: 0,
        stopped_by: null,
      },
    ],
  });
export type SimulationView = z.output<typeof simulationView>;
