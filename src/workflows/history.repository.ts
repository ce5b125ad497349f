import { Injectable } from '@nestjs/common';
import { Database } from '../kernel/persistence/database.js';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';

const DAY_MS = 86_400_000;
const PREFIX = 'history_';
const DEFAULT = 'history_default';

/** The smallest UUID v7 of an instant: ids begin with their milliseconds. */
export const firstIdOf = (at: Date): string => {
  const hex = at.getTime().toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
};

const dayOf = (at: Date): Date => new Date(Math.floor(at.getTime() / DAY_MS) * DAY_MS);
const after = (day: Date, days: number): Date => new Date(day.getTime() + days * DAY_MS);
const nameOf = (day: Date): string =>
  `${PREFIX}${day.toISOString().slice(0, 10).replaceAll('-', '')}`;

/** Of a partition's name; undefined for the one of all other days. */
function startOf(name: string): Date | undefined {
  const [, year, month, day] = /^history_(\d{4})(\d\d)(\d\d)$/.exec(name) ?? [];
  return year === undefined ? undefined : new Date(`${year}-${month ?? ''}-${day ?? ''}T00:00:00Z`);
}

/**
 * The partitions of the history: one for the instances that were started on a day (UTC), so that the history of an
 * instance lies together and old ones are dropped and not deleted. Names are made here and of digits only.
 */
@Injectable()
export class HistoryRepository {
  constructor(
    private readonly database: Database,
    private readonly unitOfWork: UnitOfWork,
  ) {}

  async names(): Promise<string[]> {
    const rows = await this.database.query<{ name: string }>(
      `select c.relname as name from pg_inherits join pg_class c on c.oid = inhrelid
       where inhparent = 'workflows.history'::regclass order by 1`,
    );
    return rows.map(({ name }) => name);
  }

  /** Days from this one on for which there is no partition yet. */
  async missing(now: Date, days: number): Promise<Date[]> {
    const known = new Set(await this.names());
    const wanted = Array.from({ length: days }, (_, index) => after(dayOf(now), index));
    return wanted.filter((day) => !known.has(nameOf(day)));
  }

  /** False where instances of that day are in the partition of all other days already: they stay there. */
  async create(day: Date): Promise<boolean> {
    const [from, to] = [firstIdOf(day), firstIdOf(after(day, 1))];
    await this.#beBrief();
    const [taken] = await this.unitOfWork.query(
      `select from workflows.${DEFAULT} where instance_id >= $1 and instance_id < $2 limit 1`,
      [from, to],
    );
    if (taken) return false;
    await this.unitOfWork.query(
      `create table if not exists workflows.${nameOf(day)} partition of workflows.history
         for values from ('${from}') to ('${to}')`,
    );
    return true;
  }

  /** Partitions of days that ended before then. */
  async endedBefore(bound: Date): Promise<string[]> {
    const names = await this.names();
    return names.filter((name) => {
      const start = startOf(name);
      return start !== undefined && after(start, 1) <= bound;
    });
  }

  /** Drops a partition of whose instances none is kept any more; false if there is one. */
  async dropIfUnused(name: string): Promise<boolean> {
    const start = startOf(name);
    if (!start) return false;
    await this.#beBrief();
    const [kept] = await this.unitOfWork.query(
      `select from workflows.instance where id >= $1 and id < $2 limit 1`,
      [firstIdOf(start), firstIdOf(after(start, 1))],
    );
    if (kept) return false;
    await this.unitOfWork.query(`drop table workflows.${nameOf(start)}`);
    return true;
  }

  /** Deletes the history of instances that are gone, from a partition that cannot be dropped; answers how many rows. */
  async sweep(name: string, limit: number): Promise<number> {
    const start = startOf(name);
    const table = start ? nameOf(start) : DEFAULT;
    const rows = await this.unitOfWork.query(
      `delete from workflows.${table} where ctid = any(array(
         select h.ctid from workflows.${table} h
         where not exists (select from workflows.instance i where i.id = h.instance_id) limit $1)) returning 1`,
      [limit],
    );
    return rows.length;
  }

  /** Whoever waits for the lock of the table makes everybody else wait; there is always a next time. */
  async #beBrief(): Promise<void> {
    await this.unitOfWork.query(`set local lock_timeout = '2s'`);
  }
}
