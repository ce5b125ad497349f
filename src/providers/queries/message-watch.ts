import { Injectable } from '@nestjs/common';
import { Loop } from '../../kernel/loop.js';
import { Database } from '../../kernel/persistence/database.js';
import { FINAL_STATES } from '../domain/message.state.js';
import { MessageRepository } from '../message.repository.js';

const LOOK_MS = 100;

/**
 * Tells when messages have come to their end: at once for those that this process ends, within a tenth of a second for
 * the others. One query serves all who wait here, and none is made when nobody does.
 */
@Injectable()
export class MessageWatch {
  readonly #loop = new Loop({ name: 'MessageWatch', idleMs: LOOK_MS }, () => this.#look());
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(
    private readonly database: Database,
    repository: MessageRepository,
  ) {
    repository.signals.on('finished', (ids) => {
      this.#tell(ids);
    });
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
    this.#tell([...this.#waiting.keys()]);
  }

  /** Resolves when all of them have ended, when the signal aborts, or when this process stops; never rejects. */
  async ended(ids: readonly string[], signal: AbortSignal): Promise<void> {
    await Promise.all(ids.map((id) => this.#ended(id, signal)));
  }

  #ended(id: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#loop.stopping) return Promise.resolve();
    return new Promise((resolve) => {
      const others = this.#waiting.get(id) ?? new Set();
      const leave = (): void => {
        signal.removeEventListener('abort', leave);
        others.delete(leave);
        if (others.size === 0 && this.#waiting.get(id) === others) this.#waiting.delete(id);
        resolve();
      };
      this.#waiting.set(id, others.add(leave));
      signal.addEventListener('abort', leave);
      this.#loop.wake(); // it may have ended before anybody waited
    });
  }

  #tell(ids: readonly string[]): void {
    for (const id of ids) for (const leave of [...(this.#waiting.get(id) ?? [])]) leave();
  }

  async #look(): Promise<number> {
    if (this.#waiting.size === 0) return 0;
    const rows = await this.database.query<{ id: string }>(
      `select id from providers.message where id = any($1) and state = any($2)`,
      [[...this.#waiting.keys()], FINAL_STATES],
    );
    this.#tell(rows.map((row) => row.id));
    return 0;
  }
}
