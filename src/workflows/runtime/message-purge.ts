import { Injectable } from '@nestjs/common';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { Loop } from '../../kernel/loop.js';
import { ForgetMessages } from '../commands/forget-messages.js';

const EVERY_MS = 30_000;
const BATCH = 1_000;

/** Forgets messages that have outlived their time, in processes with role `scheduler`. */
@Injectable()
export class MessagePurge {
  readonly #loop = new Loop({ name: 'MessagePurge', idleMs: EVERY_MS }, () => this.#round());

  constructor(private readonly mediator: Mediator) {}

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  #round(): Promise<number> {
    return this.mediator.execute(new ForgetMessages(BATCH));
  }
}
