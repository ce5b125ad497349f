import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';
import type { Json } from './definition/json.js';
import type { Slot, Wanted } from './runtime/gathered.js';

/** A message or a signal. */
export interface News {
  readonly name: string;
  readonly key: string | null;
  readonly data: Json;
}

export interface Message extends News {
  readonly id: string;
  readonly expiresAt: Date;
}

/** Who could take the message at a place in a list. */
export interface Candidate extends Slot {
  readonly place: number;
}

interface CandidateRow {
  readonly place: number;
  readonly instance_id: string;
  readonly token: number;
  readonly slot: string;
}

const LOCK = `hashtextextended(name, 7)`;

/**
 * Subscriptions by their keys, found one by one: nobody waits when Postgres takes its statistics, more often than not,
 * and then a join would walk the whole index, with all that was deleted. Whoever writes one has locked its instance, so
 * that none moves meanwhile.
 */
const AT_SLOTS = `unnest($1::uuid[], $2::int[], $3::text[]) as slot (instance_id, token, slot)
  cross join lateral (
    select ctid, name from workflows.subscription s
    where s.instance_id = slot.instance_id and s.token = slot.token and s.slot = slot.slot limit 1
  ) as found`;

/**
 * Who waits for messages and signals, and what has come before anybody waited for it.
 *
 * Whoever brings news holds the lock on their name until his commit; whoever begins to wait tries to take it, and if
 * he cannot, looks again after his own commit. Otherwise each could miss what the other has not committed yet.
 */
@Injectable()
export class NewsRepository {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /** Call it before instances are locked. */
  async lock(names: readonly string[]): Promise<void> {
    await this.unitOfWork.query(
      `select pg_advisory_xact_lock(lock) from (
         select distinct ${LOCK} as lock from unnest($1::text[]) as name order by lock) as locks`,
      [names],
    );
  }

  /** Those that could be locked without waiting: a locked instance must wait for nothing. */
  async tryLock(names: readonly string[]): Promise<Set<string>> {
    const rows = await this.unitOfWork.query<{ name: string }>(
      `select name from (select distinct name from unnest($1::text[]) as name) as names
       where pg_try_advisory_xact_lock(${LOCK})`,
      [names],
    );
    return new Set(rows.map(({ name }) => name));
  }

  /** At once, because a later look in the same transaction must find them. */
  async subscribe(subscriptions: readonly Wanted<'subscribe'>[]): Promise<void> {
    const effects = subscriptions.map(({ effect }) => effect);
    await this.unitOfWork.insert(
      `insert into workflows.subscription (instance_id, token, slot, kind, name, key)
       select * from unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[])`,
      [
        subscriptions.map(({ instance }) => instance.id),
        effects.map(({ token }) => token),
        effects.map(({ slot }) => slot),
        effects.map(({ to }) => to),
        effects.map(({ name }) => name),
        effects.map(({ key }) => key),
      ],
    );
  }

  async unsubscribe(slots: readonly Slot[]): Promise<void> {
    await this.unitOfWork.query(
      `delete from workflows.subscription where ctid = any(array(select found.ctid from ${AT_SLOTS}))`,
      [
        slots.map(({ instanceId }) => instanceId),
        slots.map(({ token }) => token),
        slots.map(({ slot }) => slot),
      ],
    );
  }

  /** What is waited for there. */
  async namesOf(slots: readonly Slot[]): Promise<string[]> {
    const rows = await this.unitOfWork.query<{ name: string }>(
      `select distinct found.name from ${AT_SLOTS}`,
      [
        slots.map(({ instanceId }) => instanceId),
        slots.map(({ token }) => token),
        slots.map(({ slot }) => slot),
      ],
    );
    return rows.map(({ name }) => name);
  }

  /** What has subscribed in this Unit of Work is written with its commit, and now, if it is to be found before. */
  async write(): Promise<void> {
    await this.unitOfWork.flush();
  }

  /** For each message the `limit` tokens that have waited longest, by the age of their instances. */
  async takers(news: readonly News[], limit: number): Promise<Candidate[]> {
    const rows = await this.unitOfWork.query<CandidateRow>(
      `select place::int - 1 as place, taker.* from unnest($1::text[], $2::text[]) with ordinality as news (name, key, place)
       cross join lateral (
         (select instance_id, token, slot from workflows.subscription s
          where kind = 'message' and s.name = news.name and s.key = news.key order by instance_id, token limit $3)
         union all
         (select instance_id, token, slot from workflows.subscription s
          where kind = 'message' and s.name = news.name and s.key is null order by instance_id, token limit $3)) as taker
       order by place, instance_id, token`,
      [news.map(({ name }) => name), news.map(({ key }) => key), limit],
    );
    return rows.map((row) => ({
      place: row.place,
      instanceId: row.instance_id,
      token: row.token,
      slot: row.slot,
    }));
  }

  /** Every instance in which somebody waits for a signal, with the signal's place. */
  async hearers(news: readonly News[]): Promise<{ place: number; instanceId: string }[]> {
    const rows = await this.unitOfWork.query<{ place: number; instance_id: string }>(
      `select distinct place::int - 1 as place, instance_id
       from unnest($1::text[], $2::text[]) with ordinality as news (name, key, place)
       cross join lateral (
         select instance_id from workflows.subscription s
         where kind = 'signal' and s.name = news.name and s.key = news.key
         union all
         select instance_id from workflows.subscription s
         where kind = 'signal' and s.name = news.name and s.key is null) as hearer
       order by place, instance_id`,
      [news.map(({ name }) => name), news.map(({ key }) => key)],
    );
    return rows.map((row) => ({ place: row.place, instanceId: row.instance_id }));
  }

  /** Written with the commit. */
  buffer(messages: readonly Message[]): void {
    this.unitOfWork.deferInsert(
      `insert into workflows.buffered_message (id, name, key, data, expires_at)
       select id, name, key, data::json, expires_at
       from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
         as message (id, name, key, data, expires_at)`,
      [
        messages.map(({ id }) => id),
        messages.map(({ name }) => name),
        messages.map(({ key }) => key),
        messages.map(({ data }) => JSON.stringify(data)),
        messages.map(({ expiresAt }) => expiresAt),
      ],
    );
  }

  /** For each wish the oldest message that it would take, if there is one. */
  async buffered(
    wishes: readonly Pick<News, 'name' | 'key'>[],
    now: Date,
  ): Promise<(News & { readonly id: string; readonly place: number })[]> {
    return this.unitOfWork.query(
      `select place::int - 1 as place, id, name, key, data
       from unnest($1::text[], $2::text[]) with ordinality as wish (wished_name, wished_key, place)
       cross join lateral (
         (select id, name, key, data from workflows.buffered_message
          where name = wished_name and key = wished_key and expires_at > $3 order by id limit 1)
         union all
         (select id, name, key, data from workflows.buffered_message
          where name = wished_name and wished_key is null and expires_at > $3 order by id limit 1)) as message`,
      [wishes.map(({ name }) => name), wishes.map(({ key }) => key), now],
    );
  }

  async forget(messageIds: readonly string[]): Promise<void> {
    await this.unitOfWork.query(`delete from workflows.buffered_message where id = any($1)`, [
      messageIds,
    ]);
  }

  /** Forgets at most `limit` messages that nobody has taken in their time. */
  async forgetExpired(now: Date, limit: number): Promise<number> {
    const rows = await this.unitOfWork.query(
      `delete from workflows.buffered_message where id = any(array(
         select id from workflows.buffered_message where expires_at <= $1
         order by expires_at limit $2 for update skip locked)) returning id`,
      [now, limit],
    );
    return rows.length;
  }

  /** Keeps the last report of each name and key, and of each name. */
  async report(news: readonly News[], at: Date): Promise<void> {
    const last = new Map<string, { name: string; key: string; data: Json }>();
    for (const { name, key, data } of news)
      for (const part of new Set([key ?? '', '']))
        last.set(JSON.stringify([name, part]), { name, key: part, data });
    const reports = [...last.values()];
    await this.unitOfWork.insert(
      `insert into workflows.criterion_report (name, key, data, at)
       select name, key, data::json, $4 from unnest($1::text[], $2::text[], $3::text[]) as report (name, key, data)
       on conflict (name, key) do update set data = excluded.data, at = excluded.at`,
      [
        reports.map(({ name }) => name),
        reports.map(({ key }) => key),
        reports.map(({ data }) => JSON.stringify(data)),
        at,
      ],
    );
  }

  /** For each wish the last report that it is about, if there is one. */
  async reported(
    wishes: readonly Pick<News, 'name' | 'key'>[],
  ): Promise<{ readonly place: number; readonly data: Json; readonly at: Date }[]> {
    return this.unitOfWork.query(
      `select place::int - 1 as place, data, at
       from unnest($1::text[], $2::text[]) with ordinality as wish (name, key, place)
       join workflows.criterion_report as report on report.name = wish.name and report.key = coalesce(wish.key, '')`,
      [wishes.map(({ name }) => name), wishes.map(({ key }) => key)],
    );
  }
}
