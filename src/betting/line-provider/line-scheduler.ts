import { Inject, Injectable } from '@nestjs/common';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { ENV, type Env } from '../../kernel/env.js';
import { Loop } from '../../kernel/loop.js';
import { CloseDueEvents } from './commands/close-due-events.js';
import { SendHeartbeat } from './commands/send-heartbeat.js';

const CLOSE_LOOK_MS = 100;
const BEAT_LOOK_MS = 250;
const BATCH = 500;

/** Closes events at their deadlines and keeps the feed's heart beating, in processes with role `scheduler` (any number of them). */
@Injectable()
export class LineScheduler {
  readonly #loops = [
    new Loop({ name: 'LineClosing', idleMs: CLOSE_LOOK_MS }, () =>
      this.mediator.execute(new CloseDueEvents(BATCH)),
    ),
    new Loop({ name: 'LineHeartbeat', idleMs: BEAT_LOOK_MS }, () =>
      this.mediator.execute(new SendHeartbeat(this.env.LINE_HEARTBEAT_MS)),
    ),
  ];

  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly mediator: Mediator,
  ) {}

  start(): void {
    for (const loop of this.#loops) loop.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#loops.map((loop) => loop.stop()));
  }
}
