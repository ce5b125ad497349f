import { eventMessage, type OutboxMessage } from '../../kernel/outbox/outbox-message.js';
import { isJsonObject, type Json, type JsonObject } from '../definition/json.js';
import type { Completion, UserTask } from '../user-task.repository.js';
import type { Wanted } from './gathered.js';

/** What a node of kind human says of the task; whatever has the wrong shape counts as not said. */
export function userTaskOf(
  { instance, effect }: Wanted<'create_user_task'>,
  id: string,
  now: Date,
): UserTask {
  const config = objectIn(effect.task) ?? {};
  const { title, roles, users, form, data } = config;
  return {
    id,
    instanceId: instance.id,
    token: effect.token,
    attempt: effect.attempt,
    workflow: instance.key,
    version: instance.version,
    businessKey: instance.businessKey,
    node: effect.node,
    title: typeof title === 'string' ? title : effect.node,
    roles: textsIn(roles),
    users: textsIn(users),
    assignee: null,
    owner: null,
    status: 'created',
    outcomes: effect.outcomes,
    form: objectIn(form),
    data: data ?? null,
    dueAt: effect.due ?? null,
    createdAt: now,
  };
}

const objectIn = (value: Json | undefined): JsonObject | null =>
  isJsonObject(value) ? value : null;

/** One name may stand for a list of one. */
const textsIn = (value: Json | undefined): string[] =>
  (Array.isArray(value) ? value : [value]).filter((one) => typeof one === 'string');

const about = (task: UserTask) => ({
  instance_id: task.instanceId,
  workflow: task.workflow,
  version: task.version,
  business_key: task.businessKey,
  user_task_id: task.id,
  node: task.node,
  title: task.title,
  roles: task.roles,
  users: task.users,
  due_at: task.dueAt?.toISOString() ?? null,
});

const eventOf = (name: string, task: UserTask, data: object): OutboxMessage =>
  eventMessage({ type: `workflows.user-task-${name}.v1`, key: task.instanceId, data });

export const userTaskCreated = (task: UserTask): OutboxMessage =>
  eventOf('created', task, about(task));

export const userTaskCompleted = (
  task: UserTask,
  { outcome, completedBy }: Completion,
): OutboxMessage =>
  eventOf('completed', task, { ...about(task), outcome, completed_by: completedBy });

export const userTaskAssigned = (task: UserTask, by: string): OutboxMessage =>
  eventOf('assigned', task, {
    ...about(task),
    assignee: task.assignee,
    owner: task.owner,
    assigned_by: by,
  });

export const userTaskCancelled = (task: UserTask): OutboxMessage =>
  eventOf('cancelled', task, { ...about(task), assignee: task.assignee });
