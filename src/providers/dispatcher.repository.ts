import { Injectable } from '@nestjs/common';
import { Database } from '../kernel/persistence/database.js';

const LEASE = `interval '15 seconds'`;

/**
 * The processes that send. Whoever is silent for 15 seconds is declared dead and loses what it holds: its claims, its
 * journal entries and its death exclude each other by the lock on its row.
 */
@Injectable()
export class DispatcherRepository {
  constructor(private readonly database: Database) {}

  async register(dispatcherId: string): Promise<void> {
    await this.database.query(
      `insert into providers.dispatcher (id, expires_at) values ($1, now() + ${LEASE})`,
      [dispatcherId],
    );
  }

  /** Keeps it alive for 15 seconds, and says how it finds the providers. False when it was declared dead meanwhile. */
  async renew(dispatcherId: string, circuits: object): Promise<boolean> {
    const rows = await this.database.query(
      `update providers.dispatcher set expires_at = now() + ${LEASE}, circuits = $2
       where id = $1 and expires_at > now() returning id`,
      [dispatcherId, circuits],
    );
    return rows.length === 1;
  }

  /** Declares it dead at once: what it still holds is recovered by others. */
  async retire(dispatcherId: string): Promise<void> {
    await this.database.query(
      `update providers.dispatcher set expires_at = '-infinity' where id = $1`,
      [dispatcherId],
    );
  }

  /** Declares dead who was silent, and answers all the dead. Not inside of a Unit of Work: it must be seen by all first. */
  async declareDead(): Promise<string[]> {
    await this.database.query(
      `update providers.dispatcher set expires_at = '-infinity'
       where expires_at <= now() and expires_at > '-infinity'`,
    );
    const rows = await this.database.query<{ id: string }>(
      `select id from providers.dispatcher where expires_at = '-infinity'`,
    );
    return rows.map((row) => row.id);
  }

  /** Forgets the dead. Nothing of theirs may be left to be recovered. */
  async forget(dispatcherIds: readonly string[]): Promise<void> {
    await this.database.query(
      `delete from providers.dispatcher where id = any($1) and expires_at = '-infinity'`,
      [dispatcherIds],
    );
  }
}
