import { z } from 'zod';

const node = z.string().min(1).max(64);
const token = z.int().min(1).meta({ description: 'As the positions of the instance tell it.' });

export const pauseBody = z
  .strictObject({ node: node.optional() })
  .default({})
  .meta({ description: 'One node; default: all of them.', examples: [{ node: 'pack' }] });
export type PauseRequest = z.output<typeof pauseBody>;

export const modifyBody = z
  .strictObject({
    token: token.optional().meta({ description: 'The token to move; default: a new one.' }),
    to: node.meta({ description: 'A node of the scope that the token lies in.' }),
  })
  .meta({ id: 'ModifyWorkflowInstance', examples: [{ token: 2, to: 'pack' }] });
export type ModifyRequest = z.output<typeof modifyBody>;

export const variablesBody = z
  .strictObject({
    variables: z
      .record(z.string(), z.json())
      .refine((variables) => Object.keys(variables).length > 0, { error: 'must set something' }),
  })
  .meta({ id: 'SetWorkflowVariables', examples: [{ variables: { price: 4 } }] });
export type VariablesRequest = z.output<typeof variablesBody>;

const MAX_MORE = 1_000;

export const extendBody = z
  .strictObject({
    token: token.meta({ description: 'That of a node which is done many times, and `dynamic`.' }),
    items: z.array(z.json()).min(1).max(MAX_MORE).optional(),
    count: z
      .int()
      .min(1)
      .max(MAX_MORE)
      .optional()
      .meta({ description: 'Where there are no items.' }),
  })
  .refine(({ items, count }) => items === undefined || count === undefined, {
    path: ['count'],
    error: 'is that of the items: leave it out',
  })
  .meta({ id: 'ExtendWorkflowNode', examples: [{ token: 2, items: ['pump 8'] }] });
export type ExtendRequest = z.output<typeof extendBody>;
