import { Injectable } from '@nestjs/common';
import { Clock } from '../../clock.js';
import { Ids } from '../../ids.js';
import { Inbox } from '../../inbox/inbox.js';
import { Outbox } from '../../outbox/outbox.js';
import type { OutboxMessage } from '../../outbox/outbox-message.js';
import { createDataSource } from '../../persistence/data-source.js';
import { Database } from '../../persistence/database.js';
import { UnitOfWork } from '../../persistence/unit-of-work.js';
import { type BrokerMessage, COMMANDS_EXCHANGE } from '../broker.js';
import { HEADER } from '../message-headers.js';

/** Nothing connects to it: a Unit of Work without statements takes no connection. */
export const nowhere = createDataSource({ url: 'postgres://nobody@127.0.0.1:1/nothing' });

class NoDatabaseError extends Error {
  override readonly name = 'NoDatabaseError';
  constructor(sql: string) {
    super(`There is no database here; replace the provider that asks for: ${sql.slice(0, 200)}`);
  }
}

/** One at a time, so that whatever is kept in memory is seen as it was committed. */
@Injectable()
export class InMemoryUnitOfWork extends UnitOfWork {
  #last: Promise<unknown> = Promise.resolve();

  constructor() {
    super(nowhere);
  }

  override async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.isOpen) return work();
    const turn = this.#last.then(() => super.run(work));
    this.#last = turn.then(
      () => undefined,
      () => undefined, // whoever runs the work hears of it
    );
    return turn;
  }

  override query<Row extends object>(sql: string): Promise<Row[]> {
    return Promise.reject(new NoDatabaseError(sql));
  }

  override insert<Row extends object>(sql: string): Promise<Row[]> {
    return Promise.reject(new NoDatabaseError(sql));
  }

  override deferInsert(sql: string): void {
    throw new NoDatabaseError(sql);
  }
}

@Injectable()
export class InMemoryDatabase extends Database {
  constructor(unitOfWork: UnitOfWork) {
    super(nowhere, unitOfWork);
  }

  override query<Row extends object>(sql: string): Promise<Row[]> {
    return Promise.reject(new NoDatabaseError(sql));
  }
}

/** Remembers with the commit, as the table does. */
@Injectable()
export class InMemoryInbox extends Inbox {
  readonly #accepted = new Set<string>();

  constructor(
    private readonly work: UnitOfWork,
    database: Database,
  ) {
    super(work, database);
  }

  override async accept(consumer: string, messageId: string): Promise<boolean> {
    return (await this.acceptMany(consumer, [messageId])).length === 1;
  }

  override async acceptMany(consumer: string, messageIds: readonly string[]): Promise<string[]> {
    const fresh = [...new Set(messageIds)].filter((id) => !this.#accepted.has(keyOf(consumer, id)));
    this.work.afterCommit(() => {
      for (const id of fresh) this.#accepted.add(keyOf(consumer, id));
    });
    return fresh;
  }

  override async forget(consumer: string, messageIds: readonly string[]): Promise<void> {
    this.work.afterCommit(() => {
      for (const id of messageIds) this.#accepted.delete(keyOf(consumer, id));
    });
  }
}

function keyOf(consumer: string, messageId: string): string {
  return JSON.stringify([consumer, messageId]);
}

/** What left with a commit: an event by its type, or a command by its queue and route. */
export type Published = (
  { readonly type: string } | { readonly queue: string; readonly route: string }
) & {
  /** As it is on the wire: what JSON makes of it. */
  readonly data: unknown;
  /** When it is to leave later. */
  readonly dueAt?: Date;
};

/** Keeps what was appended, once its Unit of Work is committed. */
@Injectable()
export class InMemoryOutbox extends Outbox {
  readonly published: Published[] = [];

  constructor(
    private readonly work: UnitOfWork,
    ids: Ids,
  ) {
    super(work, ids);
  }

  override async append(messages: readonly OutboxMessage[]): Promise<void> {
    const published = messages.map(publishedOf);
    this.work.afterCommit(() => {
      this.published.push(...published);
    });
  }

  /** What a `MessageClient` emits outside of any Unit of Work. */
  sentAtOnce({ payload, ...message }: BrokerMessage): undefined {
    const body = JSON.parse(payload.toString()) as unknown;
    this.published.push(publishedOf({ ...message, body }));
  }
}

function publishedOf(message: OutboxMessage): Published {
  const { exchange, routingKey, headers = {}, body, dueAt } = message;
  const address =
    exchange === COMMANDS_EXCHANGE
      ? { queue: routingKey, route: headers[HEADER.route] ?? '' }
      : { type: routingKey };
  return { ...address, data: onTheWire(body), ...(dueAt ? { dueAt } : {}) };
}

/** What is left of a value when it has gone through JSON; nothing is null. */
export function onTheWire(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? null)) as unknown;
}

/** The present, which goes on by itself, and jumps over the delays between attempts. */
@Injectable()
export class VirtualClock extends Clock {
  #aheadMs = 0;

  override now(): Date {
    return new Date(super.now().getTime() + this.#aheadMs);
  }

  advance(ms: number): void {
    this.#aheadMs += ms;
  }
}
