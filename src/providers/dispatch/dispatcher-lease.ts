import { Injectable, Logger } from '@nestjs/common';
import { Ids } from '../../kernel/ids.js';
import { Loop } from '../../kernel/loop.js';
import { DispatcherRepository } from '../dispatcher.repository.js';
import { ProviderCircuits } from './provider-circuits.js';

const BEAT_MS = 1_000;

/**
 * This process's sign of life as one that sends. Whoever lets it lapse for 15 seconds loses its messages, and goes on
 * under a new name.
 */
@Injectable()
export class DispatcherLease {
  readonly #logger = new Logger(DispatcherLease.name);
  readonly #loop = new Loop({ name: 'DispatcherLease', idleMs: BEAT_MS }, () => this.#beat());
  #id: string;

  constructor(
    private readonly ids: Ids,
    private readonly dispatchers: DispatcherRepository,
    private readonly circuits: ProviderCircuits,
  ) {
    this.#id = ids.next();
  }

  get id(): string {
    return this.#id;
  }

  async start(): Promise<void> {
    await this.dispatchers.register(this.#id);
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
    await this.dispatchers.retire(this.#id);
  }

  async #beat(): Promise<number> {
    if (await this.dispatchers.renew(this.#id, this.circuits.states)) return 0;
    this.#logger.error('This process was silent too long and lost its messages');
    const id = this.ids.next();
    await this.dispatchers.register(id);
    this.#id = id;
    return 0;
  }
}
