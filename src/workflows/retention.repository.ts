import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';
import { firstIdOf } from './history-partitions.js';

interface Walked {
  readonly id: string;
  readonly is_over: boolean;
}

/** The only code that deletes instances, in the open Unit of Work. */
@Injectable()
export class InstanceRetention {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /**
   * Walks over the next instances in the order of their ids, which is that of their start: what ended before then was
   * started before then, so no index on ends is needed, which every end would have to write.
   */
  async purge({
    before,
    after,
    limit,
  }: {
    before: Date;
    after: string | null;
    limit: number;
  }): Promise<{ deleted: number; last: string | null }> {
    const walked = await this.unitOfWork.query<Walked>(
      `select id, coalesce(ended_at < $1, false) as is_over from workflows.instance
       where id < $2 and ($3::uuid is null or id > $3) order by id limit $4`,
      [before, firstIdOf(before), after, limit],
    );
    const gone = walked.filter((one) => one.is_over).map(({ id }) => id);
    if (gone.length > 0) await this.#delete(gone);
    const isMore = walked.length === limit;
    return { deleted: gone.length, last: (isMore ? walked.at(-1)?.id : undefined) ?? null };
  }

  /** Their history goes with its partition. */
  async #delete(ids: readonly string[]): Promise<void> {
    for (const table of ['user_task', 'instance_variable'])
      await this.unitOfWork.query(`delete from workflows.${table} where instance_id = any($1)`, [
        ids,
      ]);
    await this.unitOfWork.query(`delete from workflows.instance where id = any($1)`, [ids]);
  }
}
