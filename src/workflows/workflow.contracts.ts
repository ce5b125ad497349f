import { z } from 'zod';
import { uuidParam } from '../kernel/http/shapes.js';
import type { EventContract } from '../kernel/messaging/event-contracts.js';
import { incident } from './workflow-instances.dto.js';

/** What every event tells of its instance. */
const about = {
  instance_id: uuidParam,
  workflow: z.string(),
  version: z.int(),
  business_key: z.string().nullable(),
};
const example = {
  instance_id: '019aa3a4-5b6c-7d8e-9f00-112233445566',
  workflow: 'order',
  version: 1,
  business_key: 'order-17',
};
const aboutUserTask = {
  ...about,
  user_task_id: uuidParam,
  node: z.string(),
  title: z.string(),
  roles: z.array(z.string()),
  users: z.array(z.string()),
  due_at: z.iso.datetime().nullable(),
};
const userTaskExample = {
  ...example,
  user_task_id: '019aa3a4-5b6c-7d8e-9f00-112233445577',
  node: 'check',
  title: 'Look at pump 7',
  roles: ['operator'],
  users: [],
  due_at: null,
};

/** Every event that this module publishes. */
export const WORKFLOW_EVENT_CONTRACTS: readonly EventContract[] = [
  {
    type: 'workflows.instance-started.v1',
    description: 'An instance was started. Published where WORKFLOWS_EVENTS names it.',
    schema: z.object(about).meta({ id: 'WorkflowInstanceStarted', examples: [example] }),
  },
  {
    type: 'workflows.instance-completed.v1',
    description: 'An instance has come to its end.',
    schema: z
      .object({ ...about, outcome: z.string() })
      .meta({ id: 'WorkflowInstanceCompleted', examples: [{ ...example, outcome: 'done' }] }),
  },
  {
    type: 'workflows.instance-cancelled.v1',
    description: 'An instance was cancelled.',
    schema: z
      .object({ ...about, outcome: z.string() })
      .meta({ id: 'WorkflowInstanceCancelled', examples: [{ ...example, outcome: 'cancelled' }] }),
  },
  {
    type: 'workflows.instance-failed.v1',
    description: 'An error that nothing in the instance takes has ended it.',
    schema: z.object({ ...about, outcome: z.string(), error: incident.nullable() }).meta({
      id: 'WorkflowInstanceFailed',
      examples: [
        { ...example, outcome: 'no-stock', error: { code: 'no-stock', message: 'Sold out' } },
      ],
    }),
  },
  {
    type: 'workflows.incident-raised.v1',
    description: 'A token is stuck until somebody repairs what it needs and tries again.',
    schema: z.object({ ...about, token: z.int(), node: z.string(), ...incident.shape }).meta({
      id: 'WorkflowIncidentRaised',
      examples: [
        { ...example, token: 3, node: 'send', code: 'smtp-down', message: 'Connection refused' },
      ],
    }),
  },
  {
    type: 'workflows.user-task-created.v1',
    description: 'People have something to do.',
    schema: z
      .object(aboutUserTask)
      .meta({ id: 'WorkflowUserTaskCreated', examples: [userTaskExample] }),
  },
  {
    type: 'workflows.user-task-assigned.v1',
    description: 'Somebody has taken it, given it back, or given it to another.',
    schema: z
      .object({
        ...aboutUserTask,
        assignee: z.string().nullable(),
        owner: z.string().nullable(),
        assigned_by: z.string(),
      })
      .meta({
        id: 'WorkflowUserTaskAssigned',
        examples: [
          { ...userTaskExample, assignee: 'anonymous', owner: null, assigned_by: 'anonymous' },
        ],
      }),
  },
  {
    type: 'workflows.user-task-cancelled.v1',
    description: 'Nobody needs it any more: its instance has ended, or has gone another way.',
    schema: z.object({ ...aboutUserTask, assignee: z.string().nullable() }).meta({
      id: 'WorkflowUserTaskCancelled',
      examples: [{ ...userTaskExample, assignee: null }],
    }),
  },
  {
    type: 'workflows.user-task-completed.v1',
    description: 'Somebody has done it.',
    schema: z.object({ ...aboutUserTask, outcome: z.string(), completed_by: z.string() }).meta({
      id: 'WorkflowUserTaskCompleted',
      examples: [{ ...userTaskExample, outcome: 'confirmed', completed_by: 'anonymous' }],
    }),
  },
];
