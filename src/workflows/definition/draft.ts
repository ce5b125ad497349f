import { z } from 'zod';
import {
  assignments,
  attributes,
  condition,
  correlation,
  criterionSpec,
  messageSpec,
  nodeId,
  outcomeName,
  signalSpec,
  startTimerSpec,
  template,
  text,
  timerSpec,
} from './draft.attributes.js';
import { decisionTable } from './draft.decision.js';

const startNode = z.strictObject({
  ...attributes,
  type: z.literal('start'),
  message: messageSpec.optional().meta({ description: 'A message starts an instance.' }),
  timer: startTimerSpec.optional().meta({ description: 'Time starts instances.' }),
  criterion: criterionSpec
    .optional()
    .meta({ description: 'A report starts one when it begins to hold.' }),
});

const taskNode = z.strictObject({
  ...attributes,
  type: z.literal('task'),
  kind: z
    .string()
    .min(1)
    .max(100)
    .regex(/^[\w.:-]+$/, 'may hold letters, digits and . _ : -')
    .meta({
      description:
        'human, set, decision, mail, http, provider, configure, task:<kind>, or another module.',
      examples: ['human', 'task:emulate'],
    }),
  config: z.record(z.string(), template).optional().meta({
    description:
      'What the module is given. For set: the variables. For human: roles, users, title, form, data.',
  }),
  table: decisionTable.optional().meta({ description: 'For decision: the table.' }),
});

const gatewayNode = z.strictObject({ ...attributes, type: z.literal('gateway') });

const waitNode = z.strictObject({
  ...attributes,
  type: z.literal('wait'),
  timer: timerSpec.optional(),
  message: messageSpec.optional(),
  signal: signalSpec.optional(),
  condition: condition.optional().meta({ description: 'Looked at whenever a variable changes.' }),
  criteria: z.array(criterionSpec).min(1).max(50).optional(),
  need: z
    .union([z.literal('all'), z.int().min(1).max(50)])
    .optional()
    .meta({ description: 'How many criteria must hold at the same time; default all.' }),
});

const emitNode = z.strictObject({
  ...attributes,
  type: z.literal('emit'),
  message: z.strictObject({ ...correlation, data: template.optional() }).optional(),
  signal: z.strictObject({ ...correlation, data: template.optional() }).optional(),
  error: z.strictObject({ code: text, message: text.optional() }).optional(),
  escalation: z.strictObject({ code: text, data: template.optional() }).optional(),
  compensation: z
    .union([z.literal(true), nodeId])
    .optional()
    .meta({ description: 'Undoes, last first, what was done in this scope, or one node of it.' }),
});

const scopeNode = z.strictObject({
  ...attributes,
  type: z.literal('scope'),
  call: z
    .strictObject({
      workflow: text.meta({ description: '"key", "key@version", or an expression.' }),
      input: assignments.optional(),
    })
    .optional()
    .meta({ description: 'Runs another workflow; without it, the nodes that lie `in` this one.' }),
});

const endNode = z.strictObject({
  ...attributes,
  type: z.literal('end'),
  terminate: z.literal(true).optional().meta({ description: 'Ends all else in the scope, too.' }),
  error: z.strictObject({ code: text, message: text.optional() }).optional(),
  outcome: outcomeName.optional().meta({ description: 'The outcome of the scope around it.' }),
});

const workflowNode = z
  .discriminatedUnion('type', [
    startNode,
    taskNode,
    gatewayNode,
    waitNode,
    emitNode,
    scopeNode,
    endNode,
  ])
  .meta({ id: 'WorkflowNode' });

const workflowFlow = z
  .strictObject({
    id: nodeId.optional(),
    from: nodeId,
    on: outcomeName.optional().meta({ description: 'The outcome that it follows; default any.' }),
    when: condition.optional(),
    otherwise: z.literal(true).optional().meta({ description: 'Taken when no other one is.' }),
    to: nodeId,
  })
  .meta({ id: 'WorkflowFlow', examples: [{ from: 'check', on: 'confirmed', to: 'repair' }] });

const configDeclaration = z.strictObject({
  schema: z
    .record(z.string(), z.json())
    .optional()
    .meta({ description: 'JSON Schema of the value.' }),
  default: z.json().optional(),
  description: z.string().max(4_000).optional(),
});

/** A process as people write it. Published, it becomes an immutable version. */
export const workflowDraft = z
  .strictObject({
    key: z
      .string()
      .min(1)
      .max(100)
      .regex(/^[a-z0-9][a-z0-9._-]*$/, 'may hold a-z, digits and . _ -'),
    name: z.string().max(200).optional(),
    description: z.string().max(10_000).optional(),
    nodes: z.array(workflowNode).max(2_000),
    flows: z.array(workflowFlow).max(10_000),
    inputs: z
      .record(z.string(), z.json())
      .optional()
      .meta({ description: 'JSON Schema of the variables that an instance is started with.' }),
    roles: z.array(z.string().min(1).max(100)).max(200).optional(),
    config: z.record(nodeId, configDeclaration).optional().meta({
      description: 'Settings; their values live apart, and change while instances run.',
    }),
    indexes: z.array(nodeId).max(20).optional().meta({ description: 'Variables to search by.' }),
  })
  .meta({
    id: 'WorkflowDraft',
    examples: [
      {
        key: 'order',
        nodes: [
          { id: 'start', type: 'start' },
          { id: 'pack', type: 'task', kind: 'human' },
          { id: 'send', type: 'task', kind: 'mail', config: { to: '=customer' }, final: true },
        ],
        flows: [
          { from: 'start', to: 'pack' },
          { from: 'pack', to: 'send' },
        ],
      },
    ],
  });

export type WorkflowDraft = z.output<typeof workflowDraft>;
export type NodeDraft = z.output<typeof workflowNode>;
export type FlowDraft = z.output<typeof workflowFlow>;
export type NodeType = NodeDraft['type'];
export type NodeOf<Type extends NodeType> = Extract<NodeDraft, { type: Type }>;
export type TimerSpec = z.output<typeof timerSpec>;
export type CriterionSpec = z.output<typeof criterionSpec>;

/** JSON Schema 2020-12 of a draft, for editors and forms. */
export function workflowJsonSchema(): object {
  return z.toJSONSchema(workflowDraft, { target: 'draft-2020-12', io: 'input' });
}
