import { z } from 'zod';

const word = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[A-Za-z_]\w*$/, 'must start with a letter, and hold letters, digits and _');

/** What the engine and CEL call their own; a variable of such a name could not be read. */
const TAKEN = new Set(
  'config now instance item index result outcome data value true false null in bool bytes double int list map string type uint null_type as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

/** Nodes and variables: what expressions read by name. */
export const nodeId = word.refine((name) => !TAKEN.has(name), 'is a name that expressions use');

export const outcomeName = word;

const condition = z.string().min(1).max(4_000).meta({
  description: 'A CEL expression that gives true or false; a leading "=" may be left out.',
});

/** Any JSON; strings that begin with `=` are CEL, other strings may hold `{{ CEL }}`. */
const template = z
  .json()
  .meta({ description: 'JSON. Strings beginning with "=" are CEL; others may hold {{ CEL }}.' });

const assignments = z.record(nodeId, template);

const text = z.string().min(1).max(4_000);

/** A whole number, or an expression that gives one. */
const count = z.union([z.int().min(0).max(100_000), text]);

export const timerSpec = z
  .union([
    text.meta({
      description:
        'An ISO 8601 duration ("PT2H", "P1D"), an RFC 3339 instant, or an expression ("=...") that gives either.',
      examples: ['PT15M', '2030-01-01T00:00:00Z', '=config.patience'],
    }),
    z.strictObject({
      cron: text.meta({ description: 'Five fields, or six with seconds first.' }),
      time_zone: z.string().default('UTC'),
    }),
  ])
  .meta({ id: 'WorkflowTimer' });

const correlation = {
  name: text.meta({ description: 'The name under which it is sent.' }),
  key: text.optional().meta({
    description: 'Only those with the same key are taken, such as "=order_id"; default: any.',
  }),
};

/** Nothing runs before the start, so there is nothing that an expression could read. */
export const startTimerSpec = z
  .union([
    text.meta({
      description: 'An RFC 3339 instant, or an ISO 8601 duration from the publication on.',
      examples: ['2030-01-01T00:00:00Z'],
    }),
    z.strictObject({
      cron: text.meta({ description: 'Five fields, or six with seconds first.' }),
      time_zone: z.string().default('UTC'),
      missed: z.enum(['skip', 'run_once']).default('skip').meta({
        description:
          'After an outage of more than a minute: start nothing for what was missed, or one instance for all.',
      }),
    }),
  ])
  .meta({ id: 'WorkflowStartTimer' });

export const messageSpec = z.strictObject(correlation).meta({ id: 'WorkflowMessage' });
export const signalSpec = z.strictObject(correlation).meta({ id: 'WorkflowSignal' });

export const criterionSpec = z
  .strictObject({
    signal: text.meta({ description: 'The signal that reports on it.' }),
    key: correlation.key,
    when: condition.meta({
      description: 'Holds or not, judged by the last report, which is called `data` here.',
      examples: ['data.value > config.max_vibration'],
    }),
    ttl: timerSpec.optional().meta({ description: 'A report older than this counts no more.' }),
  })
  .meta({ id: 'WorkflowCriterion' });

const join = z
  .strictObject({
    mode: z.enum(['each', 'all', 'n', 'sync']).meta({
      description:
        'each: every token goes on alone (merge). all: waits for every incoming flow. n: goes on with the n-th. sync: waits for all tokens that can still come.',
    }),
    n: z.int().min(1).max(1_000).optional().meta({ description: 'For mode n; 1 is the first.' }),
    rest: z.enum(['absorb', 'cancel', 'block']).optional().meta({
      description:
        'For mode n, the branches that come later: swallowed (default), withdrawn, or kept waiting for the next round.',
    }),
  })
  .meta({ id: 'WorkflowJoin' });

const each = z
  .strictObject({
    items: text.optional().meta({ description: 'An expression that gives a list: one for each.' }),
    count: count.optional().meta({ description: 'How many, when there are no items.' }),
    dynamic: z
      .boolean()
      .optional()
      .meta({ description: 'More may be added while some still run.' }),
    mode: z.enum(['parallel', 'sequential']).optional(),
    complete_when: condition.optional().meta({
      description: 'Ends it early; sees `done`, `total`, `outcomes` (counts by outcome).',
      examples: ['outcomes.rejected >= 1'],
    }),
    await: z
      .union([z.enum(['all', 'none']), z.int().min(1).max(100_000)])
      .optional()
      .meta({
        description: 'How many must be done before it goes on; default all.',
      }),
    rest: z
      .enum(['cancel', 'absorb'])
      .optional()
      .meta({ description: 'Those that still run when it goes on: withdrawn (default) or left.' }),
    outcome: text.optional().meta({
      description:
        'An expression that gives the outcome of the whole; default: the one they share.',
      examples: ['=outcomes.rejected > 0 ? "rejected" : "confirmed"'],
    }),
  })
  .meta({ id: 'WorkflowEach' });

const boundary = z
  .strictObject({
    timer: timerSpec.optional(),
    message: messageSpec.optional(),
    signal: signalSpec.optional(),
    condition: condition.optional(),
    error: z
      .union([z.literal(true), text])
      .optional()
      .meta({
        description: 'An error code, or true for any. Errors always interrupt.',
      }),
    escalation: z.union([z.literal(true), text]).optional(),
    outcome: outcomeName.meta({ description: 'The flows with this `on` are taken.' }),
    interrupting: z.boolean().optional().meta({ description: 'Ends the node (default true).' }),
    repeat: z
      .union([z.literal(true), z.int().min(1).max(1_000)])
      .optional()
      .meta({
        description:
          'A timer that does not interrupt fires again: for ever, or this many times more.',
      }),
  })
  .meta({ id: 'WorkflowBoundaryEvent' });

const retry = z
  .strictObject({
    max_attempts: z.int().min(1).max(100),
    delay: text.optional().meta({ description: 'An ISO 8601 duration; default PT1S.' }),
    backoff: z.enum(['fixed', 'exponential']).optional(),
    max_delay: text.optional(),
  })
  .meta({ id: 'WorkflowRetry' });

const milestone = z.union([
  z.strictObject({ at: nodeId.meta({ description: 'While a token waits at this node.' }) }),
  condition,
]);

/** What every node may carry. */
export const attributes = {
  id: nodeId,
  name: z.string().max(200).optional(),
  description: z.string().max(4_000).optional(),
  in: nodeId.optional().meta({ description: 'The scope that the node lies in.' }),
  outcomes: z
    .array(outcomeName)
    .min(1)
    .max(50)
    .optional()
    .meta({ description: 'How it can end; default ["done"].' }),
  final: z
    .union([z.literal(true), z.array(outcomeName)])
    .optional()
    .meta({ description: 'Outcomes after which nothing follows; true for all that have no flow.' }),
  split: z.enum(['one', 'many', 'all', 'event']).optional().meta({
    description:
      'Which flows of the outcome are taken: the first that holds, all that hold, all, or the one whose node is done first. Default: one when a flow has a condition, else all.',
  }),
  join: join.optional(),
  each: each.optional().meta({ description: 'Does the node many times.' }),
  on: z.array(boundary).max(20).optional().meta({ description: 'What may happen meanwhile.' }),
  retry: retry.optional(),
  due: timerSpec.optional().meta({ description: 'When it should be done; shown, not enforced.' }),
  compensate: nodeId.optional().meta({ description: 'The node that undoes this one.' }),
  cancels: z
    .array(nodeId)
    .max(100)
    .optional()
    .meta({ description: 'Work at these nodes is withdrawn when this one is done.' }),
  mutex: text.optional().meta({ description: 'At most one node of the same mutex at a time.' }),
  milestone: milestone.optional().meta({ description: 'Enabled only while this holds.' }),
  output: assignments.optional().meta({
    description:
      'Variables to set when it is done; sees `result` and `outcome`. Default: the result, under the id of the node.',
    examples: [{ approved_by: '=result.user' }],
  }),
};

export { assignments, condition, correlation, template, text };
