import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';
import type { TokenRef } from './runtime/instance.js';

/** A task that a token waits for. */
export interface Job extends TokenRef {
  readonly taskId: string;
}

interface JobRow {
  readonly task_id: string;
  readonly instance_id: string;
  readonly token: number;
}

/** Which task is whose: there is a row for as long as a token waits for it, so a result is taken once. */
@Injectable()
export class JobRepository {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /** Written with the commit. */
  insertMany(jobs: readonly Job[]): void {
    this.unitOfWork.deferInsert(
      `insert into workflows.job (task_id, instance_id, token)
       select * from unnest($1::uuid[], $2::uuid[], $3::int[])`,
      [
        jobs.map(({ taskId }) => taskId),
        jobs.map(({ instanceId }) => instanceId),
        jobs.map(({ token }) => token),
      ],
    );
  }

  /** Takes the jobs of these tasks away; tasks of others are left out. Call it before instances are locked. */
  async take(taskIds: readonly string[]): Promise<Job[]> {
    const rows = await this.unitOfWork.query<JobRow>(
      `delete from workflows.job where task_id = any($1) returning task_id, instance_id, token`,
      [taskIds],
    );
    return rows.map(toJob);
  }

  /** Takes away what tokens of locked instances wait for; a job whose result is being taken is left to that. */
  async withdraw(tokens: readonly TokenRef[]): Promise<Job[]> {
    const rows = await this.unitOfWork.query<JobRow>(
      `delete from workflows.job where task_id = any(array(
         select task_id from unnest($1::uuid[], $2::int[]) as gone (instance_id, token)
         join workflows.job using (instance_id, token) for update of job skip locked))
       returning task_id, instance_id, token`,
      [tokens.map(({ instanceId }) => instanceId), tokens.map(({ token }) => token)],
    );
    return rows.map(toJob);
  }
}

const toJob = (row: JobRow): Job => ({
  taskId: row.task_id,
  instanceId: row.instance_id,
  token: row.token,
});
