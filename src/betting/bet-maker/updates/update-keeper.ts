import { Injectable } from '@nestjs/common';
import { Loop } from '../../../kernel/loop.js';
import { NotificationRepository } from './notification.repository.js';

const EVERY_MS = 60_000;
const BATCH = 5_000;

/** Forgets notifications that nobody can ask for any longer, in processes with role `scheduler`. */
@Injectable()
export class UpdateKeeper {
  readonly #loop = new Loop({ name: 'UpdateKeeper', idleMs: EVERY_MS }, async () => {
    const purged = await this.notifications.purge(BATCH);
    return purged === BATCH ? purged : 0;
  });

  constructor(private readonly notifications: NotificationRepository) {}

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }
}
