import { Injectable } from '@nestjs/common';
import { Database } from '../kernel/persistence/database.js';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';
import {
  dayOf,
  daysFrom,
  DEFAULT_PARTITION,
  endOf,
  firstIdOf,
  partitionOf,
  partitionStatement,
} from './history-partitions.js';

/**
 * The partitions of the history: one for the instances that were started on a day (UTC), so that the history of an
 * instance lies together, and old ones are dropped and not deleted.
 */
@Injectable()
export class HistoryRepository {
  constructor(
    private readonly database: Database,
    private readonly unitOfWork: UnitOfWork,
  ) {}

  /** Days from this one on for which there is no partition yet. */
  async missing(now: Date, days: number): Promise<Date[]> {
    const known = new Set(await this.names());
    return daysFrom(now, days).filter((day) => !known.has(partitionOf(day)));
  }

  /** False where instances of that day are in the partition of all other days already: they stay there. */
  async create(day: Date): Promise<boolean> {
    await this.#takeTurns();
    const [taken] = await this.unitOfWork.query(
      `select from workflows.${DEFAULT_PARTITION} where instance_id >= $1 and instance_id < $2 limit 1`,
      [firstIdOf(day), firstIdOf(endOf(day))],
    );
    if (taken) return false;
    await this.unitOfWork.query(partitionStatement(day));
    return true;
  }

  /** Partitions of days that ended before then, oldest first. */
  async endedBefore(bound: Date): Promise<string[]> {
    const names = await this.names();
    return names.filter((name) => {
      const day = dayOf(name);
      return day !== undefined && endOf(day) <= bound;
    });
  }

  /** Drops a partition of whose instances none is kept any more; false if there is one. */
  async dropIfUnused(name: string): Promise<boolean> {
    const day = dayOf(name);
    if (!day) return false;
    await this.#takeTurns();
    const [kept] = await this.unitOfWork.query(
      `select from workflows.instance where id >= $1 and id < $2 limit 1`,
      [firstIdOf(day), firstIdOf(endOf(day))],
    );
    if (kept) return false;
    await this.unitOfWork.query(`drop table if exists workflows.${partitionOf(day)}`);
    return true;
  }

  /** Deletes the history of instances that are gone, from a partition that cannot be dropped; answers how many rows. */
  async sweep(name: string, limit: number): Promise<number> {
    const day = dayOf(name);
    const table = day ? partitionOf(day) : DEFAULT_PARTITION;
    const rows = await this.unitOfWork.query(
      `delete from workflows.${table} where ctid = any(array(
         select h.ctid from workflows.${table} h
         where not exists (select from workflows.instance i where i.id = h.instance_id) limit $1)) returning 1`,
      [limit],
    );
    return rows.length;
  }

  async names(): Promise<string[]> {
    const rows = await this.database.query<{ name: string }>(
      `select c.relname as name from pg_inherits join pg_class c on c.oid = inhrelid
       where inhparent = 'workflows.history'::regclass order by 1`,
    );
    return rows.map(({ name }) => name);
  }

  /** One scheduler at a time; and whoever waits long for the lock of the table makes everybody else wait behind him. */
  async #takeTurns(): Promise<void> {
    await this.unitOfWork.query(`select pg_advisory_xact_lock(hashtext('workflows.history'))`);
    await this.unitOfWork.query(`set local lock_timeout = '2s'`);
  }
}
