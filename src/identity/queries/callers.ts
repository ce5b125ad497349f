import { Injectable } from '@nestjs/common';
import type { Caller } from '../../kernel/access/caller.js';
import { Database } from '../../kernel/persistence/database.js';
import { effectiveRights } from '../domain/rights.js';
import { FreshValues } from '../security/fresh-values.js';
import { GRANTED } from '../user.rows.js';

/** A user who has logged in. */
export interface UserCaller extends Caller {
  readonly email: string;
  readonly sessionId: string;
}

interface Row {
  readonly session_id: string;
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly roles: string[];
  readonly granted: string[];
}

/** Who is behind a session at this moment, at most half a second late. */
@Injectable()
export class Callers {
  readonly #bySession = new FreshValues((ids) => this.#read(ids));

  constructor(private readonly database: Database) {}

  /** Undefined when the session has ended or the user was disabled. */
  behind(sessionId: string): Promise<UserCaller | undefined> {
    return this.#bySession.get(sessionId);
  }

  async #read(sessionIds: readonly string[]): Promise<ReadonlyMap<string, UserCaller>> {
    const rows = await this.database.query<Row>(
      `select session.id as session_id, account.id, account.email, account.name, account.roles, ${GRANTED} as granted
       from identity.session join identity.account on account.id = session.account_id
       where session.id = any($1) and session.expires_at > now() and account.disabled_at is null`,
      [sessionIds],
    );
    return new Map(rows.map((row) => [row.session_id, toCaller(row)]));
  }
}

function toCaller({ session_id: sessionId, granted, ...user }: Row): UserCaller {
  return { ...user, sessionId, rights: effectiveRights(granted), isAnonymous: false };
}
