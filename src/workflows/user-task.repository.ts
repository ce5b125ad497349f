import { Injectable } from '@nestjs/common';
import { ChangedMeanwhile } from '../kernel/persistence/postgres-errors.js';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';
import type { Json, JsonObject } from './definition/json.js';
import type { Hands } from './domain/hand-over.js';
import type { WorkRef } from './runtime/instance.js';
import type { CommentView } from './user-tasks.dto.js';

export type UserTaskStatus = 'created' | 'claimed' | 'completed' | 'cancelled';

export interface UserTask extends WorkRef, Hands {
  readonly id: string;
  readonly workflow: string;
  readonly version: number;
  readonly businessKey: string | null;
  readonly node: string;
  readonly title: string;
  readonly roles: readonly string[];
  readonly users: readonly string[];
  readonly status: UserTaskStatus;
  readonly outcomes: readonly string[];
  readonly form: JsonObject | null;
  readonly data: Json;
  readonly dueAt: Date | null;
  readonly createdAt: Date;
}

export interface Completion {
  readonly id: string;
  readonly outcome: string;
  readonly result: Json;
  readonly completedBy: string;
  /** Who had it when it was seen that its completer may do it. */
  readonly assignee: string | null;
}

interface UserTaskRow {
  readonly id: string;
  readonly instance_id: string;
  readonly token: number;
  readonly attempt: number;
  readonly workflow: string;
  readonly version: number;
  readonly business_key: string | null;
  readonly node: string;
  readonly title: string;
  readonly roles: string[];
  readonly users: string[];
  readonly assignee: string | null;
  readonly owner: string | null;
  readonly status: UserTaskStatus;
  readonly outcomes: string[];
  readonly form: JsonObject | null;
  readonly data: Json;
  readonly due_at: Date | null;
  readonly created_at: Date;
}

const IS_OPEN = `status in ('created', 'claimed')`;

/** The only code that writes user tasks: set-based, in the open Unit of Work. */
@Injectable()
export class UserTaskRepository {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /** Written with the commit. Lists go as JSON, because arrays of arrays must be of one length. */
  insertMany(tasks: readonly UserTask[]): void {
    this.unitOfWork.deferInsert(
      `insert into workflows.user_task (id, instance_id, token, attempt, workflow, version, business_key, node, title,
         roles, users, candidates, status, outcomes, form, data, due_at, created_at, updated_at)
       select id, instance_id, token, attempt, workflow, version, business_key, node, title,
              array(select json_array_elements_text(roles::json)), array(select json_array_elements_text(users::json)),
              array(select json_array_elements_text(candidates::json)), 'created', array(select json_array_elements_text(outcomes::json)), form::json, data::json, due_at,
              created_at, created_at
       from unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::int[], $6::text[], $7::text[], $8::text[],
                   $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::timestamptz[], $15::timestamptz[], $16::int[], $17::text[])
         as added (id, instance_id, token, workflow, version, business_key, node, title, roles, users, outcomes, form,
                   data, due_at, created_at, attempt, candidates)`,
      [
        tasks.map(({ id }) => id),
        tasks.map(({ instanceId }) => instanceId),
        tasks.map(({ token }) => token),
        tasks.map(({ workflow }) => workflow),
        tasks.map(({ version }) => version),
        tasks.map(({ businessKey }) => businessKey),
        tasks.map(({ node }) => node),
        tasks.map(({ title }) => title),
        tasks.map(({ roles }) => JSON.stringify(roles)),
        tasks.map(({ users }) => JSON.stringify(users)),
        tasks.map(({ outcomes }) => JSON.stringify(outcomes)),
        tasks.map(({ form }) => (form ? JSON.stringify(form) : null)),
        tasks.map(({ data }) => (data === null ? null : JSON.stringify(data))),
        tasks.map(({ dueAt }) => dueAt),
        tasks.map(({ createdAt }) => createdAt),
        tasks.map(({ attempt }) => attempt),
        tasks.map((task) => JSON.stringify(candidatesOf(task))),
      ],
    );
  }

  /** Not locked: whoever moves the instance locks that first. */
  async load(ids: readonly string[]): Promise<Map<string, UserTask>> {
    const rows = await this.unitOfWork.query<UserTaskRow>(
      `select * from workflows.user_task where id = any($1)`,
      [ids],
    );
    return new Map(rows.map((row) => [row.id, toUserTask(row)]));
  }

  /** Puts an open task into somebody's hands, or into nobody's; false when it was changed meanwhile. */
  async assign(task: UserTask, { assignee, owner }: Hands, now: Date): Promise<boolean> {
    const rows = await this.unitOfWork.query(
      `update workflows.user_task set assignee = $2, owner = $3, updated_at = $4,
              status = case when $2::text is null then 'created' else 'claimed' end
       where id = $1 and ${IS_OPEN} and (assignee, owner) is not distinct from ($5, $6) returning id`,
      [task.id, assignee, owner, now, task.assignee, task.owner],
    );
    return rows.length > 0;
  }

  /** Open ones, of locked instances. Throws `ChangedMeanwhile` when one has gone to somebody else since it was loaded. */
  async complete(completions: readonly Completion[], now: Date): Promise<void> {
    const completed = await this.unitOfWork.query(
      `update workflows.user_task as task set status = 'completed', outcome = done.outcome,
              result = done.result::json, completed_by = done.completed_by, updated_at = $5
       from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $6::text[])
         as done (id, outcome, result, completed_by, assignee)
       where task.id = done.id and task.assignee is not distinct from done.assignee returning task.id`,
      [
        completions.map(({ id }) => id),
        completions.map(({ outcome }) => outcome),
        completions.map(({ result }) => JSON.stringify(result)),
        completions.map(({ completedBy }) => completedBy),
        now,
        completions.map(({ assignee }) => assignee),
      ],
    );
    if (completed.length < completions.length) throw new ChangedMeanwhile();
  }

  /** Open tasks of instances that were migrated: under the new names of their nodes, with the outcomes of these. */
  async rename(
    ids: readonly string[],
    { version, nodes, outcomes }: { version: number; nodes: object; outcomes: object },
  ): Promise<void> {
    await this.unitOfWork.query(
      `update workflows.user_task as task set version = $2, node = renamed.node,
              outcomes = array(select jsonb_array_elements_text($4::jsonb -> renamed.node))
       from (select id, coalesce($3::jsonb ->> node, node) as node from workflows.user_task
             where instance_id = any($1) and ${IS_OPEN}) as renamed
       where task.id = renamed.id`,
      [ids, version, JSON.stringify(nodes), JSON.stringify(outcomes)],
    );
  }

  async comment(taskId: string, { id, author, text, created_at }: CommentView): Promise<void> {
    await this.unitOfWork.query(
      `insert into workflows.user_task_comment (id, user_task_id, author, text, created_at)
       values ($1, $2, $3, $4, $5)`,
      [id, taskId, author, text, created_at],
    );
  }

  /** Answers those that were open. */
  async cancel(gone: readonly WorkRef[], now: Date): Promise<UserTask[]> {
    const rows = await this.unitOfWork.query<UserTaskRow>(
      `update workflows.user_task as task set status = 'cancelled', updated_at = $4
       from unnest($1::uuid[], $2::int[], $3::int[]) as gone (instance_id, token, attempt)
       where task.instance_id = gone.instance_id and task.token = gone.token and task.attempt = gone.attempt and ${IS_OPEN}
       returning task.*`,
      [
        gone.map(({ instanceId }) => instanceId),
        gone.map(({ token }) => token),
        gone.map(({ attempt }) => attempt),
        now,
      ],
    );
    return rows.map(toUserTask);
  }
}

/** Whom a task is for, in one list with one index; `*` is everybody. */
export function candidatesOf({ roles, users }: Pick<UserTask, 'roles' | 'users'>): string[] {
  if (roles.length === 0 && users.length === 0) return ['*'];
  return [...roles.map((role) => `role:${role}`), ...users.map((user) => `user:${user}`)];
}

const toUserTask = (row: UserTaskRow): UserTask => ({
  id: row.id,
  instanceId: row.instance_id,
  token: row.token,
  attempt: row.attempt,
  workflow: row.workflow,
  version: row.version,
  businessKey: row.business_key,
  node: row.node,
  title: row.title,
  roles: row.roles,
  users: row.users,
  assignee: row.assignee,
  owner: row.owner,
  status: row.status,
  outcomes: row.outcomes,
  form: row.form,
  data: row.data,
  dueAt: row.due_at,
  createdAt: row.created_at,
});
