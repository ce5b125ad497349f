import { Injectable } from '@nestjs/common';
import { Database } from '../kernel/persistence/database.js';

const LEASE = `interval '15 seconds'`;

/** One attempt that runs here. */
export interface RunningAttempt {
  readonly taskId: string;
  readonly attempt: number;
  readonly progress: number;
}

/** The workers' side of the truth: who is alive, and which of its runs still count. */
@Injectable()
export class WorkerRepository {
  constructor(private readonly database: Database) {}

  /** Keeps a worker alive for 15 seconds. False when it was declared dead meanwhile, and its tasks with it. */
  async renew(workerId: string): Promise<boolean> {
    const rows = await this.database.query(
      `update tasks.worker set expires_at = now() + ${LEASE}
       where id = $1 and expires_at > now() returning id`,
      [workerId],
    );
    return rows.length === 1;
  }

  async register(workerId: string): Promise<void> {
    await this.database.query(
      `insert into tasks.worker (id, expires_at) values ($1, now() + ${LEASE})`,
      [workerId],
    );
  }

  async unregister(workerId: string): Promise<void> {
    await this.database.query(`delete from tasks.worker where id = $1`, [workerId]);
  }

  /** Forgets workers that died long ago; their tasks were recovered within seconds. */
  async purge(): Promise<void> {
    await this.database.query(
      `delete from tasks.worker where expires_at < now() - interval '1 hour'`,
    );
  }

  /** Those of the worker's attempts that are no longer its own: cancelled, timed out elsewhere, or given away. */
  async findLost(workerId: string, attempts: readonly RunningAttempt[]): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      `select running.id from unnest($2::uuid[], $3::smallint[]) as running (id, attempt)
       where not exists (
         select 1 from tasks.task where task.id = running.id and task.attempt = running.attempt
           and task.lease_owner = $1 and task.status = 'in_progress')`,
      [workerId, attempts.map((one) => one.taskId), attempts.map((one) => one.attempt)],
    );
    return rows.map((row) => row.id);
  }

  async saveProgress(workerId: string, attempts: readonly RunningAttempt[]): Promise<void> {
    await this.database.query(
      `update tasks.task set progress = running.progress, updated_at = now()
       from unnest($2::uuid[], $3::smallint[], $4::smallint[]) as running (id, attempt, progress)
       where task.id = running.id and task.attempt = running.attempt and task.lease_owner = $1
         and task.status = 'in_progress'`,
      [
        workerId,
        attempts.map((one) => one.taskId),
        attempts.map((one) => one.attempt),
        attempts.map((one) => one.progress),
      ],
    );
  }
}
