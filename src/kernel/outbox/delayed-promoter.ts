import { Injectable } from '@nestjs/common';
import { Loop } from '../loop.js';
import { Outbox } from './outbox.js';
import { OutboxStore } from './outbox.store.js';

/** Rows moved in one statement: large enough for 50,000 timers of one second, small enough to hold no lock for long. */
const BATCH = 2_000;

/** Moves delayed messages to the outbox when they are due: retries, schedules and timers of the whole system. */
@Injectable()
export class DelayedPromoter {
  readonly #loop = new Loop({ name: 'DelayedPromoter', idleMs: 100 }, () => this.#round());

  constructor(
    private readonly store: OutboxStore,
    private readonly outbox: Outbox,
  ) {}

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #round(): Promise<number> {
    const moved = await this.store.promoteDue(BATCH);
    if (moved > 0) this.outbox.signals.emit('appended');
    return moved;
  }
}
