import { Inject, Injectable } from '@nestjs/common';
import { DeadLetterStore } from './dead-letters/dead-letter.store.js';
import { ENV, type Env } from './env.js';
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
    @Inject(ENV) private readonly env: Env,
    private readonly inbox: Inbox,
    private readonly idempotency: IdempotencyStore,
    private readonly deadLetters: DeadLetterStore,
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
    const letters = await this.deadLetters.purge(this.env.DEAD_LETTERS_RETENTION_DAYS, BATCH);
    return [messages, keys, letters].includes(BATCH) ? messages + keys + letters : 0;
  }
}
