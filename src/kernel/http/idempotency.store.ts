import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../persistence/unit-of-work.js';

/** One key of one caller, and what it was first used for. */
export interface IdempotencyKey {
  readonly scope: string;
  readonly key: string;
  /** Digest of method, path and body. */
  readonly fingerprint: Buffer;
}

/** An answer as it can be given again. `body` is JSON text, null for an answer without a body. */
export interface StoredAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/**
 * `claimed`: the effect is ours to do. `finished`: it was done, with this answer. `reused`: the key belongs to
 * another request. `busy`: another transaction holds the key and has not ended.
 */
export type Claim =
  | { readonly outcome: 'claimed' | 'reused' | 'busy' }
  | { readonly outcome: 'finished'; readonly answer: StoredAnswer };

/** How long a key is remembered. */
const LIFETIME = '24 hours';
/** Keeps the advisory locks of keys apart from those taken for other purposes. */
const LOCK_SEED = 7_305_113;

interface Row extends StoredAnswer {
  readonly fingerprint: Buffer;
}

@Injectable()
export class IdempotencyStore {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /**
   * Takes the key for the open Unit of Work, until that commits or rolls back. Never waits: the lock is tried
   * before the unique index, which would block on another transaction's row and keep a connection for it.
   */
  async claim(id: IdempotencyKey): Promise<Claim> {
    const [lock] = await this.unitOfWork.query<{ taken: boolean; inserted: boolean }>(
      `with lock as materialized (
         select pg_try_advisory_xact_lock(hashtextextended($1 || ' ' || $2, ${LOCK_SEED})) as taken
       ), inserted as (
         insert into kernel.idempotency as known (scope, key, fingerprint, expires_at)
         select $1, $2, $3, now() + interval '${LIFETIME}' from lock where taken
         on conflict (scope, key) do update
           set fingerprint = excluded.fingerprint, expires_at = excluded.expires_at,
               status = null, headers = null, body = null
           where known.expires_at <= now()
         returning 1
       )
       select taken, exists (select from inserted) as inserted from lock`,
      [id.scope, id.key, id.fingerprint],
    );
    if (!lock?.taken) return { outcome: 'busy' };
    return lock.inserted ? { outcome: 'claimed' } : this.#known(id);
  }

  /**
   * Takes many keys at once, until the open Unit of Work ends. Waits for transactions that hold one of them, in one
   * order for all, so take them before any other lock. No outcome is `busy`. Answer by {@link keepMany}.
   */
  async claimMany(ids: readonly IdempotencyKey[]): Promise<Claim[]> {
    const [scopes, keys] = [ids.map(({ scope }) => scope), ids.map(({ key }) => key)];
    // Two statements, because what the lock waited for is only seen by a later one.
    await this.unitOfWork.query(
      `with lock as materialized (
         select distinct hashtextextended(scope || ' ' || key, ${LOCK_SEED}) as id
         from unnest($1::text[], $2::text[]) as asked (scope, key) order by id)
       select count(pg_advisory_xact_lock(id)) from lock`,
      [scopes, keys],
    );
    const rows = await this.unitOfWork.query<Row & { place: number }>(
      `select asked.place::int, fingerprint, status, headers, body
       from unnest($1::text[], $2::text[]) with ordinality as asked (scope, key, place)
       join kernel.idempotency as known using (scope, key) where known.expires_at > now()`,
      [scopes, keys],
    );
    const known = new Map(rows.map((row) => [row.place - 1, row]));
    return ids.map(({ fingerprint }, index) => {
      const row = known.get(index);
      if (!row) return { outcome: 'claimed' };
      const { status, headers, body } = row;
      return row.fingerprint.equals(fingerprint)
        ? { outcome: 'finished', answer: { status, headers, body } }
        : { outcome: 'reused' };
    });
  }

  /** Keeps the answers of keys that {@link claimMany} gave; it is written with the commit. */
  keepMany(answered: readonly (IdempotencyKey & { readonly answer: StoredAnswer })[]): void {
    if (answered.length === 0) return;
    this.unitOfWork.deferInsert(
      `insert into kernel.idempotency (scope, key, fingerprint, status, headers, body, expires_at)
       select *, now() + interval '${LIFETIME}'
       from unnest($1::text[], $2::text[], $3::bytea[], $4::int[], $5::text[]::jsonb[], $6::text[])
       on conflict (scope, key) do update set fingerprint = excluded.fingerprint, status = excluded.status,
         headers = excluded.headers, body = excluded.body, expires_at = excluded.expires_at`,
      [
        answered.map(({ scope }) => scope),
        answered.map(({ key }) => key),
        answered.map(({ fingerprint }) => fingerprint),
        answered.map(({ answer }) => answer.status),
        answered.map(({ answer }) => JSON.stringify(answer.headers)),
        answered.map(({ answer }) => answer.body),
      ],
    );
  }

  /** Keeps the answer of a claimed key; it becomes visible when the open Unit of Work commits. */
  async finish({ scope, key }: IdempotencyKey, answer: StoredAnswer): Promise<void> {
    await this.unitOfWork.query(
      `update kernel.idempotency set status = $3, headers = $4, body = $5 where scope = $1 and key = $2`,
      [scope, key, answer.status, JSON.stringify(answer.headers), answer.body],
    );
  }

  /** Forgets up to `limit` expired keys and says how many; any number of processes may call it at once. */
  async purgeExpired(limit: number): Promise<number> {
    const rows = await this.unitOfWork.run(() =>
      this.unitOfWork.query(
        `delete from kernel.idempotency where (scope, key) in (
           select scope, key from kernel.idempotency where expires_at <= now()
           order by expires_at limit $1 for update skip locked
         ) returning 1`,
        [limit],
      ),
    );
    return rows.length;
  }

  async #known({ scope, key, fingerprint }: IdempotencyKey): Promise<Claim> {
    const [row] = await this.unitOfWork.query<Row>(
      `select fingerprint, status, headers, body from kernel.idempotency where scope = $1 and key = $2`,
      [scope, key],
    );
    if (!row) return { outcome: 'busy' }; // purged between the two statements: the caller comes again
    const { status, headers, body } = row;
    return row.fingerprint.equals(fingerprint)
      ? { outcome: 'finished', answer: { status, headers, body } }
      : { outcome: 'reused' };
  }
}
