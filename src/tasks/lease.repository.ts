import { Injectable } from '@nestjs/common';
import { Database } from '../kernel/persistence/database.js';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';
import { Task } from './domain/task.js';
import { logTransition } from './task.log.js';
import { type TaskRow, toState } from './task.rows.js';

/** Candidates looked at per task that is asked for, so that callers at once do not see only what the others lock. */
const CANDIDATES_PER_TASK = 5;
const MIN_CANDIDATES = 100;

/** A task in the hands of a worker outside. Whoever shows the token may settle it until the lease ends. */
export interface LeasedTask {
  readonly task: Task;
  readonly token: string;
  readonly expiresAt: Date;
}

export interface LeaseClaim {
  readonly taskId: string;
  readonly token: string;
}

export interface Heartbeat extends LeaseClaim {
  /** From now; null leaves the end of the lease as it is. */
  readonly leaseMs: number | null;
  readonly progress: number | null;
}

/** Leases of external tasks. The token is drawn anew for every lease and is the task's `lease_owner`. */
@Injectable()
export class LeaseRepository {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly database: Database,
  ) {}

  /**
   * Starts at most `max` due tasks, highest priority first. Any number of callers at once get different ones. No
   * lease outlives the timeout of the task's attempt.
   */
  async leaseMany(kinds: readonly string[], max: number, leaseMs: number): Promise<LeasedTask[]> {
    // One index range per kind and priority: tasks of high priority that are not due yet are never walked over.
    const rows = await this.unitOfWork.query<TaskRow & { lease_owner: string }>(
      `with candidate as materialized (
         select due.* from unnest($1::text[]) as wanted (kind)
         cross join generate_series(10, 0, -1) as level (priority)
         cross join lateral (
           select id, priority, run_at from tasks.task
           where external and status = 'new' and kind = wanted.kind and priority = level.priority
             and run_at <= now()
           order by run_at limit $4) as due
         order by priority desc, run_at limit $4),
       picked as (
         select task.id from tasks.task join candidate on candidate.id = task.id
         where task.status = 'new'
         order by candidate.priority desc, candidate.run_at limit $2 for update of task skip locked)
       update tasks.task set status = 'in_progress', attempt = attempt + 1, progress = 0, started_at = now(),
              updated_at = now(), lease_owner = gen_random_uuid(),
              lease_expires_at = now() + least($3, timeout_ms) * interval '1 ms'
       from picked where task.id = picked.id
       returning task.*`,
      [kinds, max, leaseMs, Math.max(MIN_CANDIDATES, max * CANDIDATES_PER_TASK)],
    );
    const leased = rows.map(toLeased);
    this.unitOfWork.afterCommit(() => {
      for (const { task } of leased) logTransition(task.state, 'started');
    });
    return leased.sort((a, b) => inOrder(a.task, b.task));
  }

  /** Those of the kinds that have a task to be leased. */
  async dueKinds(kinds: readonly string[]): Promise<string[]> {
    const rows = await this.database.query<{ kind: string }>(
      `select kind from unnest($1::text[]) as wanted (kind)
       where exists (
         select 1 from generate_series(10, 0, -1) as level (priority)
         cross join lateral (
           select 1 from tasks.task
           where external and status = 'new' and kind = wanted.kind and priority = level.priority
             and run_at <= now()
           limit 1) as due)`,
      [kinds],
    );
    return rows.map((row) => row.kind);
  }

  /** Returns the ends of the leases that still held, by token; the others are left as they are. */
  async beatMany(beats: readonly Heartbeat[]): Promise<Map<string, Date>> {
    const rows = await this.unitOfWork.query<{ lease_owner: string; lease_expires_at: Date }>(
      `update tasks.task set progress = coalesce(beat.progress, task.progress),
              updated_at = case when beat.progress <> task.progress then now() else task.updated_at end,
              lease_expires_at = case when beat.lease_ms is null then task.lease_expires_at else least(
                now() + beat.lease_ms * interval '1 ms', started_at + timeout_ms * interval '1 ms') end
       from unnest($1::uuid[], $2::uuid[], $3::int[], $4::smallint[]) as beat (task_id, token, lease_ms, progress)
       where id = beat.task_id and lease_owner = beat.token and external and status = 'in_progress'
         and lease_expires_at > now()
       returning lease_owner, lease_expires_at`,
      [
        beats.map((beat) => beat.taskId),
        beats.map((beat) => beat.token),
        beats.map((beat) => beat.leaseMs),
        beats.map((beat) => beat.progress),
      ],
    );
    return new Map(rows.map((row) => [row.lease_owner, row.lease_expires_at]));
  }

  /** Locks and loads the tasks whose leases still hold, by token. */
  async loadHeld(claims: readonly LeaseClaim[]): Promise<Map<string, Task>> {
    const rows = await this.unitOfWork.query<TaskRow & { lease_owner: string }>(
      `select task.* from tasks.task
       join unnest($1::uuid[], $2::uuid[]) as claim (task_id, token) on claim.task_id = task.id
       where lease_owner = claim.token and external and status = 'in_progress' and lease_expires_at > now()
       order by task.id for update of task`,
      [claims.map((claim) => claim.taskId), claims.map((claim) => claim.token)],
    );
    return new Map(rows.map((row) => [row.lease_owner, Task.of(toState(row))]));
  }

  /** Those of the ids that name a task. */
  async existing(ids: readonly string[]): Promise<Set<string>> {
    if (ids.length === 0) return new Set();
    const rows = await this.unitOfWork.query<{ id: string }>(
      `select id from tasks.task where id = any($1)`,
      [ids],
    );
    return new Set(rows.map((row) => row.id));
  }
}

function toLeased(row: TaskRow & { lease_owner: string }): LeasedTask {
  const { lease_owner: token, lease_expires_at: expiresAt } = row;
  return { task: Task.of(toState(row)), token, expiresAt: expiresAt ?? row.updated_at };
}

function inOrder({ state: a }: Task, { state: b }: Task): number {
  return b.priority - a.priority || a.runAt.getTime() - b.runAt.getTime();
}
