import { EventEmitter } from 'node:events';
import { Injectable } from '@nestjs/common';
import { crashPoint } from '../crash-points.js';
import { Ids } from '../ids.js';
import { contextHeaders } from '../messaging/message-headers.js';
import { currentContext } from '../observability/trace-context.js';
import { withSpan } from '../observability/tracing.js';
import { UnitOfWork } from '../persistence/unit-of-work.js';
import { type OutboxMessage, shardOf } from './outbox-message.js';

const COLUMNS = 'shard, id, key, exchange, routing_key, headers, payload';
const UNNEST = `unnest($1::smallint[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[]`;

/**
 * Messages that leave with the transaction: appended in the Unit of Work, published by a relay after its
 * commit at least once, and never when it rolls back.
 *
 * Order per key holds between writers that locked the key's aggregate before they appended.
 */
@Injectable()
export class Outbox {
  /** Emits `appended` after every commit that left messages to be published at once. */
  readonly signals = new EventEmitter<{ appended: [] }>();

  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly ids: Ids,
  ) {}

  async append(messages: readonly OutboxMessage[]): Promise<void> {
    const [first] = messages;
    if (!first) return;
    await withSpan(`append ${first.routingKey}`, 'producer', {}, () => this.#append(messages));
  }

  async #append(messages: readonly OutboxMessage[]): Promise<void> {
    const now = messages.filter((message) => !message.dueAt);
    const later = messages.filter((message) => message.dueAt);
    if (now.length > 0) {
      this.unitOfWork.deferInsert(
        `insert into kernel.outbox (${COLUMNS}) select * from ${UNNEST})`,
        this.#columns(now),
      );
      crashPoint('outbox.after-append');
      this.unitOfWork.afterCommit(() => {
        crashPoint('outbox.after-commit');
        this.signals.emit('appended');
      });
    }
    if (later.length > 0) {
      this.unitOfWork.deferInsert(
        `insert into kernel.delayed_message (${COLUMNS}, due_at) select * from ${UNNEST}, $8::timestamptz[])`,
        [...this.#columns(later), later.map((message) => message.dueAt)],
      );
    }
  }

  #columns(messages: readonly OutboxMessage[]): unknown[][] {
    const inherited = contextHeaders(currentContext());
    const columns: unknown[][] = [[], [], [], [], [], [], []];
    for (const message of messages) {
      const id = message.id ?? this.ids.next();
      const row = [
        shardOf(message.key ?? id),
        id,
        message.key ?? null,
        message.exchange,
        message.routingKey,
        JSON.stringify({ ...inherited, ...message.headers }),
        JSON.stringify(message.body ?? null),
      ];
      row.forEach((value, column) => columns[column]?.push(value));
    }
    return columns;
  }
}
