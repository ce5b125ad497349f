import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';

export interface Session {
  readonly id: string;
  readonly userId: string;
  /** Of the refresh token that is good now. */
  readonly generation: number;
}

/** A refresh token that was used so recently is one whose answer got lost, or that two tabs of a browser share. */
const GRACE = `interval '10 seconds'`;

interface Row {
  readonly account_id: string;
  readonly generation: number;
  readonly is_recent: boolean;
}

/** The only code that writes sessions, in the open Unit of Work. A session that has ended is no longer there. */
@Injectable()
export class SessionRepository {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /** `address` is a digest; from now on it is one that the user is known at. */
  async open({ id, userId, generation }: Session, days: number, address: Buffer): Promise<void> {
    await this.unitOfWork.query(
      `insert into identity.session (id, account_id, generation, rotated_at, expires_at)
       values ($1, $2, $3, now(), now() + make_interval(days => $4))`,
      [id, userId, generation, days],
    );
    await this.unitOfWork.query(
      `insert into identity.known_address (account_id, address, seen_at) values ($1, $2, now())
       on conflict (account_id, address) do update set seen_at = now()`,
      [userId, address],
    );
  }

  /**
   * Moves the session on to its next refresh token. One that was used a moment ago gets the same answer again; one that
   * was used before then was stolen, here or from us, so the session ends. Undefined: it has ended.
   */
  async rotate(id: string, generation: number, days: number): Promise<Session | undefined> {
    const [next] = await this.unitOfWork.query<Row>(
      `update identity.session set generation = generation + 1, rotated_at = now(),
              expires_at = now() + make_interval(days => $3)
       where id = $1 and generation = $2 and expires_at > now()
       returning account_id, generation, true as is_recent`,
      [id, generation, days],
    );
    const found = next ?? (await this.#used(id));
    if (!found) return undefined;
    if (found.is_recent && found.generation === generation + 1) {
      return { id, userId: found.account_id, generation: found.generation };
    }
    await this.end([id]);
    return undefined;
  }

  async end(ids: readonly string[]): Promise<void> {
    await this.unitOfWork.query(`delete from identity.session where id = any($1)`, [ids]);
  }

  async endAllOf(userId: string): Promise<void> {
    await this.unitOfWork.query(`delete from identity.session where account_id = $1`, [userId]);
  }

  /** Forgets what has expired, and addresses that a user was not seen at for a year. */
  async purge(limit: number): Promise<number> {
    const sessions = await this.unitOfWork.query(
      `delete from identity.session where id in (
         select id from identity.session where expires_at < now() limit $1 for update skip locked)
       returning 1`,
      [limit],
    );
    await this.unitOfWork.query(
      `delete from identity.known_address where seen_at < now() - interval '1 year'`,
    );
    return sessions.length;
  }

  async #used(id: string): Promise<Row | undefined> {
    const [row] = await this.unitOfWork.query<Row>(
      `select account_id, generation, rotated_at > now() - ${GRACE} as is_recent
       from identity.session where id = $1 and expires_at > now() for update`,
      [id],
    );
    return row;
  }
}
