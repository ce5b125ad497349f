import { Injectable } from '@nestjs/common';
import { IdempotencyStore } from './http/idempotency.store.js';
import { Inbox } from './inbox/inbox.js';
import { Loop } from './loop.js';

const EVERY_MS = 30_000;
const BATCH = 5_000;

/** Forgets what the kernel need not remember any longer, in processes with role `scheduler`. */
@Injectable()
export class Housekeeping {
  readonly #loop = new Loop({ name: 'Housekeeping', idleMs: EVERY_MS }, () => this.#round());

  constructor(
    private readonly inbox: Inbox,
    private readonly idempotency: IdempotencyStore,
  ) {}

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #round(): Promise<number> {
    const messages = await this.inbox.purge(BATCH);
    const keys = await this.idempotency.purgeExpired(BATCH);
    return messages === BATCH || keys === BATCH ? messages + keys : 0;
  }
}
