import { EventEmitter } from 'node:events';
import { Injectable } from '@nestjs/common';
import { Outbox } from '../kernel/outbox/outbox.js';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';
import { Message } from './domain/message.js';
import { columnsOf, jsonOrNull, type MessageRow, toState } from './message.rows.js';
import { queuedMessage } from './message.runs.js';

/**
 * The only code that writes messages: set-based, in the open Unit of Work. Whatever leaves messages queued tells the
 * dispatchers: its own process's right after the commit, others by one message through the outbox.
 */
@Injectable()
export class MessageRepository {
  /** `queued`: messages are there to be sent. `finished`: these have come to their end. After each commit. */
  readonly signals = new EventEmitter<{ queued: []; finished: [ids: readonly string[]] }>();

  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly outbox: Outbox,
  ) {}

  /** A message whose id is taken is left out. */
  async insertMany(messages: readonly Message[]): Promise<void> {
    if (messages.length === 0) return;
    await this.unitOfWork.insert(
      `insert into providers.message (state, id, owner_id, wish, max_wait_ms, when_ambiguous, payload, error,
         correlation_id, traceparent, created_at, run_at)
       select 'queued', id, owner_id, wish, max_wait_ms, when_ambiguous, payload::json, error::json, correlation_id,
              traceparent, created_at, created_at
       from unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[],
                   $9::text[], $10::timestamptz[])
         as message (id, owner_id, wish, max_wait_ms, when_ambiguous, payload, error, correlation_id, traceparent,
                     created_at)
       on conflict (id) do nothing`,
      columnsOf(
        messages.map((message) => message.state),
        [
          (message) => message.id,
          (message) => message.ownerId,
          (message) => message.wish,
          (message) => message.maxWaitMs,
          (message) => message.whenAmbiguous,
          (message) => JSON.stringify(message.payload),
          (message) => jsonOrNull(message.error),
          (message) => message.correlationId,
          (message) => message.traceparent,
          (message) => message.createdAt,
        ],
      ),
    );
    await this.#tellOfQueued();
  }

  /**
   * Takes due messages for a dispatcher that is alive. Safe against any number of claims at once: the row lock lets
   * one through, and the others skip what is locked.
   */
  async claimQueued(dispatcherId: string, limit: number): Promise<Message[]> {
    return this.#claim(
      `select id from providers.message where state = 'queued' and run_at <= now()
       order by run_at limit $2 for update skip locked`,
      [dispatcherId, limit],
    );
  }

  /** The same for messages that wait for a provider, the oldest first, due or not. */
  async claimWaiting(dispatcherId: string, limit: number): Promise<Message[]> {
    return this.#claim(
      `select id from providers.message where state = 'waiting' order by id limit $2 for update skip locked`,
      [dispatcherId, limit],
    );
  }

  /** Locks and loads messages that dead dispatchers hold, with the call that was under way if there is one. */
  async loadAbandoned(
    owners: readonly string[],
    limit: number,
  ): Promise<{ message: Message; openCall: OpenCall | undefined }[]> {
    const rows = await this.unitOfWork.query<MessageRow & { open_call: OpenCall | null }>(
      `select message.*, (
         select json_build_object('provider', provider, 'attempt', attempt, 'costMicros', cost_micros,
                                  'epoch', coalesce(epoch, 0), 'honoursKeys', honours_keys)
         from providers.dispatch where message_id = message.id and outcome is null) as open_call
       from providers.message
       where state = 'sending' and lease_owner = any($1)
       order by message.id limit $2 for update of message skip locked`,
      [owners, limit],
    );
    return rows.map((row) => ({
      message: Message.of(toState(row)),
      openCall: row.open_call ?? undefined,
    }));
  }

  /** Locks and loads messages whose time to wait for the free provider is over. */
  async loadExpired(limit: number): Promise<Message[]> {
    const rows = await this.unitOfWork.query<MessageRow>(
      `select * from providers.message
       where state = 'waiting' and not pinned and created_at + max_wait_ms * interval '1 ms' <= now()
       order by id limit $1 for update skip locked`,
      [limit],
    );
    return rows.map((row) => Message.of(toState(row)));
  }

  /** Gives back messages that a living dispatcher holds without knowing it, as after a claim whose answer was lost. */
  async releaseUnknown(owner: string, knownIds: readonly string[]): Promise<number> {
    const rows = await this.unitOfWork.query(
      `update providers.message set state = 'queued', run_at = now(), lease_owner = null
       where state = 'sending' and lease_owner = $1 and not id = any($2)
         and not exists (select from providers.dispatch where message_id = message.id and outcome is null)
       returning id`,
      [owner, knownIds],
    );
    return rows.length;
  }

  /**
   * Writes messages that `owner` holds, and ends its hold of those that are no longer in sending. What it has lost to
   * others meanwhile is left as it is, unless it only became ambiguous: then its late outcome is the truth. Returns
   * the ids written.
   */
  async saveMany(messages: readonly Message[], owner: string | undefined): Promise<Set<string>> {
    const states = messages.map((message) => message.state);
    const rows = await this.unitOfWork.query<{ id: string }>(
      `update providers.message set state = saved.state, provider = saved.provider, pinned = saved.pinned,
              attempts = saved.attempts, failures = saved.failures, response = saved.response::json,
              error = saved.error::json, cost_micros = saved.cost_micros, run_at = saved.run_at,
              finished_at = saved.finished_at,
              lease_owner = case when saved.state = 'ambiguous' then message.lease_owner end
       from unnest($1::uuid[], $2::text[], $3::text[], $4::boolean[], $5::smallint[], $6::smallint[], $7::text[],
                   $8::text[], $9::bigint[], $10::timestamptz[], $11::timestamptz[])
         as saved (id, state, provider, pinned, attempts, failures, response, error, cost_micros, run_at, finished_at)
       where message.id = saved.id
         and ($12::uuid is null or message.lease_owner = $12 and message.state in ('sending', 'ambiguous'))
       returning message.id`,
      [
        ...columnsOf(states, [
          (message) => message.id,
          (message) => message.status,
          (message) => message.provider,
          (message) => message.pinned,
          (message) => message.attempts,
          (message) => message.failures,
          (message) => jsonOrNull(message.response),
          (message) => jsonOrNull(message.error),
          (message) => message.costMicros,
          (message) => message.runAt,
          (message) => message.finishedAt,
        ]),
        owner ?? null,
      ],
    );
    const saved = new Set(rows.map((row) => row.id));
    this.#tellOf(states.filter((state) => saved.has(state.id)));
    return saved;
  }

  /** Deletes messages that ended more than so many days ago; `before` is the greatest id that can be so old. */
  async deleteFinished(days: number, before: string, limit: number): Promise<number> {
    const rows = await this.unitOfWork.query(
      `delete from providers.message where id = any(array(
         select id from providers.message
         where id < $2 and finished_at < now() - make_interval(days => $1)
         order by id limit $3 for update skip locked))
       returning id`,
      [days, before, limit],
    );
    return rows.length;
  }

  async #claim(candidates: string, parameters: readonly unknown[]): Promise<Message[]> {
    const rows = await this.unitOfWork.query<MessageRow>(
      `with alive as materialized (
         select id from providers.dispatcher where id = $1 and expires_at > now() for share),
       claimed as materialized (${candidates})
       update providers.message set state = 'sending', lease_owner = alive.id
       from alive, claimed where message.id = claimed.id
       returning message.*`,
      parameters,
    );
    return rows.map((row) => Message.of(toState(row)));
  }

  #tellOf(states: readonly Message['state'][]): void {
    const finished = states.filter((state) => state.finishedAt !== null).map((state) => state.id);
    if (finished.length > 0) {
      this.unitOfWork.afterCommit(() => this.signals.emit('finished', finished));
    }
    if (states.some((state) => state.status === 'queued')) {
      this.unitOfWork.afterCommit(() => this.signals.emit('queued'));
    }
  }

  async #tellOfQueued(): Promise<void> {
    await this.outbox.append([queuedMessage()]);
    this.unitOfWork.afterCommit(() => this.signals.emit('queued'));
  }
}

/** A call that was written to the journal and of whose end nothing is known. */
export interface OpenCall {
  readonly provider: string;
  readonly attempt: number;
  readonly epoch: number;
  readonly costMicros: number;
  readonly honoursKeys: boolean;
}
