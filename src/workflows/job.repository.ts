import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';
import type { WorkRef } from './runtime/instance.js';

/** A task that a token waits for. */
export interface Job extends WorkRef {
  readonly taskId: string;
}

interface JobRow {
  readonly task_id: string;
  readonly instance_id: string;
  readonly token: number;
  readonly attempt: number;
}

/** Which task is whose: there is a row for as long as a token waits for it, so a result is taken once. */
@Injectable()
export class JobRepository {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /** Written with the commit. */
  insertMany(jobs: readonly Job[]): void {
    this.unitOfWork.deferInsert(
      `insert into workflows.job (task_id, instance_id, token, attempt)
       select * from unnest($1::uuid[], $2::uuid[], $3::int[], $4::int[])`,
      [
        jobs.map(({ taskId }) => taskId),
        jobs.map(({ instanceId }) => instanceId),
        jobs.map(({ token }) => token),
        jobs.map(({ attempt }) => attempt),
      ],
    );
  }

  /** Takes the jobs of these tasks away; tasks of others are left out. Call it before instances are locked. */
  async take(taskIds: readonly string[]): Promise<Job[]> {
    const rows = await this.unitOfWork.query<JobRow>(
      `delete from workflows.job where task_id = any($1) returning *`,
      [taskIds],
    );
    return rows.map(toJob);
  }

  /** Takes away what tokens of locked instances wait for; a job whose result is being taken is left to that. */
  async withdraw(gone: readonly WorkRef[]): Promise<Job[]> {
    const rows = await this.unitOfWork.query<JobRow>(
      `delete from workflows.job where task_id = any(array(
         select task_id from unnest($1::uuid[], $2::int[], $3::int[]) as gone (instance_id, token, attempt)
         join workflows.job using (instance_id, token, attempt) for update of job skip locked))
       returning *`,
      [
        gone.map(({ instanceId }) => instanceId),
        gone.map(({ token }) => token),
        gone.map(({ attempt }) => attempt),
      ],
    );
    return rows.map(toJob);
  }
}

const toJob = (row: JobRow): Job => ({
  taskId: row.task_id,
  instanceId: row.instance_id,
  token: row.token,
  attempt: row.attempt,
});
