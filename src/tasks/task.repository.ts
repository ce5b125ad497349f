import { EventEmitter } from 'node:events';
import { Inject, Injectable } from '@nestjs/common';
import { ENV, type Env } from '../kernel/env.js';
import { Outbox } from '../kernel/outbox/outbox.js';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';
import { Task } from './domain/task.js';
import type { TaskEvent } from './domain/task.events.js';
import type { TaskState } from './domain/task.state.js';
import { taskConditions } from './queries/list-tasks.js';
import { logTransitions } from './task.log.js';
import { isReply, replyMessages, runMessages, taskEventMessage } from './task.messages.js';
import { taskColumns, type TaskRow, toState } from './task.rows.js';
import type { TaskFilter } from './tasks.dto.js';

/** A right to change tasks in progress: whoever lost it changes nothing. */
export interface Lease {
  readonly owner: string;
}

const INSERTED = `id, kind, queue, external, priority, max_attempts, timeout_ms, backoff, payload,
  idempotency_key, correlation_id, traceparent, owner_id, reply_to, created_at, updated_at, run_at`;

/**
 * The only code that writes tasks: set-based, in the open Unit of Work. Saving appends the tasks' events to the
 * outbox, and for tasks that are to be run the message that asks for it.
 */
@Injectable()
export class TaskRepository {
  /** Emits `external` after every commit that left tasks for external workers to lease. */
  readonly signals = new EventEmitter<{ external: [] }>();

  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly unitOfWork: UnitOfWork,
    private readonly outbox: Outbox,
  ) {}

  /** Returns the ids of those inserted; a task whose idempotency key its owner has used already is left out. */
  async insertMany(tasks: readonly Task[]): Promise<Set<string>> {
    const states = tasks.map((task) => task.state);
    const rows = await this.unitOfWork.insert<{ id: string }>(
      `insert into tasks.task (status, ${INSERTED})
       select 'new', id, kind, queue, external, priority, max_attempts, timeout_ms, backoff::json, payload::json,
              idempotency_key, correlation_id, traceparent, owner_id, reply_to::json, created_at, created_at,
              coalesce(run_at, now())
       from unnest($1::uuid[], $2::text[], $3::text[], $4::boolean[], $5::smallint[], $6::smallint[], $7::int[],
                   $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::uuid[], $14::text[], $15::timestamptz[],
                   $16::timestamptz[])
         as task (id, kind, queue, external, priority, max_attempts, timeout_ms, backoff, payload,
                  idempotency_key, correlation_id, traceparent, owner_id, reply_to, created_at, run_at)
       on conflict (idempotency_key, owner_id) where idempotency_key is not null do nothing
       returning id`,
      taskColumns(states, [
        (task) => task.id,
        (task) => task.kind,
        (task) => task.queue,
        (task) => task.external,
        (task) => task.priority,
        (task) => task.maxAttempts,
        (task) => task.timeoutMs,
        (task) => JSON.stringify(task.backoff),
        (task) => JSON.stringify(task.payload),
        (task) => task.idempotencyKey,
        (task) => task.correlationId,
        (task) => task.traceparent,
        (task) => task.ownerId,
        (task) => jsonOrNull(task.replyTo),
        (task) => task.createdAt,
        laterRunAt,
      ]),
    );
    const inserted = new Set(rows.map((row) => row.id));
    await this.#send(tasks.filter((task) => inserted.has(task.state.id)));
    return inserted;
  }

  /**
   * Starts those of the tasks that may be started now, each for its owner if that is still alive. Safe against any
   * number of claims at once: the row lock lets one through, and the others find the status changed.
   */
  async claimMany(claims: readonly { id: string; owner: string }[]): Promise<Task[]> {
    // `is true` hides the conditions from the planner: while the statistics still speak of a small table, it would
    // walk the index of all waiting tasks for every claim instead of probing the primary key.
    const rows = await this.unitOfWork.query<TaskRow>(
      `update tasks.task set status = 'in_progress', attempt = attempt + 1, progress = 0, lease_owner = claim.owner,
              started_at = now(), updated_at = now()
       from unnest($1::uuid[], $2::uuid[]) as claim (claimed_id, owner)
       join tasks.worker on worker.id = claim.owner and worker.expires_at > now()
       where task.id = claimed_id and (status = 'new' and run_at <= now() and not external) is true
       returning task.*`,
      [claims.map((claim) => claim.id), claims.map((claim) => claim.owner)],
    );
    return rows.map((row) => Task.of(toState(row)));
  }

  /** Locks and loads; ids that name no task are left out. */
  async loadMany(ids: readonly string[]): Promise<Task[]> {
    const rows = await this.unitOfWork.query<TaskRow>(
      // The order keeps two batches from waiting for each other.
      `select * from tasks.task where id = any($1) order by id for update`,
      [ids],
    );
    return rows.map((row) => Task.of(toState(row)));
  }

  /** Locks and loads the oldest tasks of the filter behind `after`; those that others have locked are left out. */
  async loadMatching(
    filter: TaskFilter,
    after: string | undefined,
    limit: number,
  ): Promise<Task[]> {
    const { sql, parameters } = taskConditions(filter);
    const behind = after === undefined ? '' : ` and id > $${String(parameters.push(after))}`;
    const rows = await this.unitOfWork.query<TaskRow>(
      `select * from tasks.task where ${sql}${behind}
       order by id limit $${String(parameters.push(limit))} for update skip locked`,
      parameters,
    );
    return rows.map((row) => Task.of(toState(row)));
  }

  /** The tasks that hold the idempotency keys of these, each by the same owner. */
  async loadHolders(tasks: readonly TaskState[]): Promise<Task[]> {
    const rows = await this.unitOfWork.query<TaskRow>(
      `select task.* from unnest($1::text[], $2::uuid[]) as wanted (key, owner)
       join tasks.task on idempotency_key = wanted.key and owner_id is not distinct from wanted.owner`,
      [tasks.map((task) => task.idempotencyKey), tasks.map((task) => task.ownerId)],
    );
    return rows.map((row) => Task.of(toState(row)));
  }

  /**
   * Writes changed tasks and ends their leases. With a lease, only those that are still in progress in the same
   * attempt under that lease are written; the others are left as they are. Returns the ids written.
   */
  async saveMany(
    tasks: readonly Task[],
    leases?: readonly (Lease | undefined)[],
  ): Promise<Set<string>> {
    const states = tasks.map((task) => task.state);
    const rows = await this.unitOfWork.query<{ id: string }>(
      `update tasks.task set status = saved.status, progress = saved.progress, result = saved.result::json,
              error = saved.error::json, failures = saved.failures::json, run_at = coalesce(saved.run_at, now()),
              attempts_before = saved.attempts_before, crashes = saved.crashes, updated_at = saved.updated_at,
              finished_at = saved.finished_at, lease_owner = null, lease_expires_at = null
       from unnest($1::uuid[], $2::text[], $3::smallint[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
                   $8::smallint[], $9::smallint[], $10::timestamptz[], $11::timestamptz[], $12::uuid[], $13::smallint[])
         as saved (id, status, progress, result, error, failures, run_at,
                   attempts_before, crashes, updated_at, finished_at, owner, attempt)
       where task.id = saved.id and (saved.owner is null or (
         task.lease_owner = saved.owner and task.attempt = saved.attempt and task.status = 'in_progress'))
       returning task.id`,
      [
        ...taskColumns(states, [
          (task) => task.id,
          (task) => task.status,
          (task) => task.progress,
          (task) => jsonOrNull(task.result),
          (task) => jsonOrNull(task.error),
          (task) => (task.failures.length > 0 ? JSON.stringify(task.failures) : null),
          (task) => (task.status === 'new' ? laterRunAt(task) : task.runAt),
          (task) => task.attemptsBefore,
          (task) => task.crashes,
          (task) => task.updatedAt,
          (task) => task.finishedAt,
        ]),
        tasks.map((_, index) => leases?.[index]?.owner ?? null),
        states.map((task) => task.attempt),
      ],
    );
    const saved = new Set(rows.map((row) => row.id));
    await this.#send(tasks.filter((task) => saved.has(task.state.id)));
    return saved;
  }

  /** Locks tasks in progress whose worker, or whose external lease, is gone. A lease ends with the timeout, too. */
  async loadAbandoned(limit: number): Promise<{ task: Task; timedOut: boolean }[]> {
    const rows = await this.unitOfWork.query<TaskRow & { timed_out: boolean }>(
      `select *, external and lease_expires_at >= started_at + timeout_ms * interval '1 ms' as timed_out
       from tasks.task
       where status = 'in_progress' and case when external then lease_expires_at < now()
         else not exists (select 1 from tasks.worker where worker.id = lease_owner and expires_at > now()) end
       order by id limit $1 for update skip locked`,
      [limit],
    );
    return rows.map((row) => ({ task: Task.of(toState(row)), timedOut: row.timed_out }));
  }

  /** Locks tasks that have been in progress under the worker for a while, but are none of those it knows. */
  async loadUnknown(workerId: string, knownIds: readonly string[]): Promise<Task[]> {
    const rows = await this.unitOfWork.query<TaskRow>(
      `select * from tasks.task
       where status = 'in_progress' and not external and lease_owner = $1
         and started_at < now() - interval '15 seconds' and not id = any($2)
       order by id limit 500 for update skip locked`,
      [workerId, knownIds],
    );
    return rows.map((row) => Task.of(toState(row)));
  }

  /**
   * Of the tasks that have been due for ten seconds without being started, the oldest ones beyond `queued`, at
   * most `limit`; not locked. None when the broker's queues hold as many messages as there are such tasks.
   */
  async loadUnqueued(queued: number, limit: number): Promise<Task[]> {
    const rows = await this.unitOfWork.query<TaskRow>(
      `with overdue as materialized (
         select id, run_at from tasks.task
         where status = 'new' and not external and run_at < now() - interval '10 seconds'
         order by run_at limit $1::bigint + $2::bigint)
       select task.* from tasks.task join (
         select id from overdue order by run_at
         limit (select greatest(0, count(*) - $1::bigint) from overdue)) as unqueued using (id)`,
      [queued, limit],
    );
    return rows.map((row) => Task.of(toState(row)));
  }

  /** Deletes finished tasks that are older than so many days; `before` is the greatest id that can be so old. */
  async deleteFinished(days: number, before: string, limit: number): Promise<number> {
    const rows = await this.unitOfWork.query(
      // Ids are in the order of creation, so the walk along the index ends at the first that is too young.
      `delete from tasks.task where id = any(array(
         select id from tasks.task
         where status in ('succeeded', 'failed', 'cancelled') and id < $2
           and created_at < now() - make_interval(days => $1) and finished_at < now() - make_interval(days => $1)
         order by id limit $3 for update skip locked))
       returning id`,
      [days, before, limit],
    );
    return rows.length;
  }

  async #send(tasks: readonly Task[]): Promise<void> {
    const changes = tasks.map((task) => ({
      state: task.state,
      events: task.releaseEvents() as readonly TaskEvent[],
    }));
    const all = changes.flatMap(({ state, events }) => events.map((event) => ({ event, state })));
    const replies = all.filter(isReply);
    const told = all
      .filter((one) => !isReply(one) && this.env.TASKS_EVENTS.includes(one.event.name))
      .map(({ event, state }) => taskEventMessage(event, state));
    const toBeRun = tasks
      .map((task) => task.state)
      .filter((state) => state.status === 'new' && !state.external);
    await this.outbox.append([...told, ...replyMessages(replies), ...runMessages(toBeRun)]);
    this.unitOfWork.afterCommit(() => {
      logTransitions(changes);
      const isToBeLeased = changes.some(({ state }) => state.external && state.status === 'new');
      if (isToBeLeased) this.signals.emit('external');
    });
  }
}

/** Null means now by the database's clock, which also decides when a task may be claimed. */
function laterRunAt(task: TaskState): Date | null {
  return task.runAt > task.updatedAt ? task.runAt : null;
}

function jsonOrNull(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}
