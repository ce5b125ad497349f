import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';

/** A bucket that holds `burst` attempts and leaks `perSecond` of them. */
export interface Bucket {
  readonly key: Buffer;
  readonly burst: number;
  readonly perSecond: number;
}

/** An hour more than any bucket needs to run empty. */
const EMPTY_AFTER = `interval '1 day'`;

const LEAKED = `greatest(0, known.level - $2 * extract(epoch from now() - known.changed_at))`;

/** Counts attempts over all processes, by the database's clock. */
@Injectable()
export class ThrottleRepository {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /** Takes one attempt in the open Unit of Work: 0, or the seconds to wait, and then nothing is taken. */
  async take({ key, burst, perSecond }: Bucket): Promise<number> {
    const [taken] = await this.unitOfWork.query(
      `insert into identity.throttle as known (key, level, changed_at) values ($1, 1, now())
       on conflict (key) do update set level = ${LEAKED} + 1, changed_at = now()
       where ${LEAKED} + 1 <= $3
       returning 1`,
      [key, perSecond, burst],
    );
    if (taken) return 0;
    const [full] = await this.unitOfWork.query<{ level: number }>(
      `select ${LEAKED}::float8 as level from identity.throttle as known where key = $1`,
      [key, perSecond],
    );
    return Math.max(1, Math.ceil(((full?.level ?? 0) + 1 - burst) / perSecond));
  }

  /** Gives an attempt back that was none. */
  async giveBack(key: Buffer): Promise<void> {
    await this.unitOfWork.query(
      `update identity.throttle set level = greatest(0, level - 1) where key = $1`,
      [key],
    );
  }

  async forget(key: Buffer): Promise<void> {
    await this.unitOfWork.query(`delete from identity.throttle where key = $1`, [key]);
  }

  async purge(): Promise<void> {
    await this.unitOfWork.query(
      `delete from identity.throttle where changed_at < now() - ${EMPTY_AFTER}`,
    );
  }
}
