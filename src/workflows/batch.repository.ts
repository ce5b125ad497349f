import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';
import type { BatchProblem, BatchWork } from './batches/batch-work.js';
import type { BatchView } from './workflow-batches.dto.js';

/** Its instances are done in the order of their ids, so the last one says how far it is. */
export type Batch = BatchView & { readonly work: BatchWork };

export interface BatchFailure {
  readonly instanceId: string;
  readonly problems: readonly BatchProblem[];
}

/** The only code that writes batches, in the open Unit of Work. */
@Injectable()
export class BatchRepository {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  insert({ id, work, total, created_by: by, created_at: at }: Batch): void {
    this.unitOfWork.deferInsert(
      `insert into workflows.batch (id, work, status, total, created_by, created_at, updated_at)
       values ($1, $2, 'running', $3, $4, $5, $5)`,
      [id, JSON.stringify(work), total, by, at],
    );
  }

  /** Locks and loads. */
  async lock(id: string): Promise<Batch | undefined> {
    const [row] = await this.unitOfWork.query<Batch>(
      `select * from workflows.batch where id = $1 for update`,
      [id],
    );
    return row;
  }

  /** The batch must be locked. */
  async save(batch: Batch): Promise<void> {
    await this.unitOfWork.query(
      `update workflows.batch set status = $2, total = $3, done = $4, failed = $5, last_instance_id = $6,
              updated_at = $7, ended_at = $8
       where id = $1`,
      [
        batch.id,
        batch.status,
        batch.total,
        batch.done,
        batch.failed,
        batch.last_instance_id,
        batch.updated_at,
        batch.ended_at,
      ],
    );
  }

  async purge(before: Date): Promise<void> {
    await this.unitOfWork.query(`delete from workflows.batch where ended_at < $1`, [before]);
  }

  addFailures(id: string, failures: readonly BatchFailure[]): void {
    this.unitOfWork.deferInsert(
      `insert into workflows.batch_failure (batch_id, instance_id, problems)
       select $1, instance_id, problems::json from unnest($2::uuid[], $3::text[]) as failure (instance_id, problems)`,
      [
        id,
        failures.map(({ instanceId }) => instanceId),
        failures.map(({ problems }) => JSON.stringify(problems)),
      ],
    );
  }
}
