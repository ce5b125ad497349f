import { z } from 'zod';
import { pageOf, pageQuery } from '../kernel/http/pages.js';
import { uuidParam } from '../kernel/http/shapes.js';

const USER_TASK_STATUSES = ['created', 'claimed', 'completed', 'cancelled'] as const;

export const userTaskView = z
  .object({
    id: uuidParam,
    instance_id: z.uuid(),
    workflow: z.string(),
    version: z.int(),
    business_key: z.string().nullable(),
    node: z.string(),
    title: z.string(),
    roles: z.array(z.string()),
    users: z.array(z.string()),
    assignee: z.string().nullable().meta({ description: 'Who has it.' }),
    owner: z.string().nullable().meta({ description: 'Who has delegated it and is accountable.' }),
    status: z.enum(USER_TASK_STATUSES),
    outcomes: z.array(z.string()),
    form: z.looseObject({}).nullable().meta({ description: 'JSON Schema of what is given back.' }),
    data: z.json(),
    due_at: z.iso.datetime().nullable(),
    outcome: z.string().nullable(),
    result: z.json(),
    completed_by: z.string().nullable(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'UserTask' });
export type UserTaskView = Omit<
  z.output<typeof userTaskView>,
  'due_at' | 'created_at' | 'updated_at'
> & { readonly due_at: Date | null; readonly created_at: Date; readonly updated_at: Date };
export const userTaskPage = pageOf(userTaskView);

export const listUserTasksQuery = pageQuery.extend({
  role: z.string().optional(),
  assignee: z.string().optional(),
  instance_id: z.uuid().optional(),
  workflow: z.string().optional(),
  business_key: z.string().optional(),
  due_before: z.iso.datetime({ offset: true }).optional(),
  status: z
    .enum(['open', ...USER_TASK_STATUSES])
    .default('open')
    .meta({ description: 'open: created or claimed.' }),
});
export type ListUserTasksRequest = z.output<typeof listUserTasksQuery>;

export const completeUserTask = z
  .strictObject({
    outcome: z.string().max(64).optional().meta({ description: 'Default: the first.' }),
    data: z.json().default(null).meta({ description: 'Checked against the form.' }),
  })
  .meta({
    id: 'CompleteUserTask',
    examples: [{ outcome: 'confirmed', data: { note: 'Bearing is worn' } }],
  });
export type CompleteUserTaskRequest = z.output<typeof completeUserTask>;

export const handOverUserTask = z
  .strictObject({
    assignee: z.string().min(1).max(200).meta({ description: 'The id of a user.' }),
  })
  .meta({
    id: 'HandOverUserTask',
    examples: [{ assignee: '019aa3a4-5b6c-7d8e-9f00-112233445566' }],
  });
export type HandOverUserTaskRequest = z.output<typeof handOverUserTask>;

export const commentUserTask = z
  .strictObject({ text: z.string().trim().min(1).max(10_000) })
  .meta({ id: 'CommentUserTask', examples: [{ text: 'The spare part comes on Monday' }] });
export type CommentUserTaskRequest = z.output<typeof commentUserTask>;

export const commentView = z
  .object({
    id: uuidParam,
    author: z.string().meta({ description: 'The id of a user.' }),
    text: z.string(),
    created_at: z.iso.datetime(),
  })
  .meta({
    id: 'UserTaskComment',
    examples: [
      {
        id: '019aa3a4-5b6c-7d8e-9f00-112233445588',
        author: '019aa3a4-5b6c-7d8e-9f00-112233445566',
        text: 'The spare part comes on Monday',
        created_at: '2025-11-21T09:30:00.000Z',
      },
    ],
  });
export type CommentView = Omit<z.output<typeof commentView>, 'created_at'> & {
  readonly created_at: Date;
};
export const commentPage = pageOf(commentView);
export const listCommentsQuery = pageQuery;
export type ListCommentsRequest = z.output<typeof listCommentsQuery>;
