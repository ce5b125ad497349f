import { AsyncLocalStorage } from 'node:async_hooks';
import type { Command } from '@nestjs/cqrs';
import { DomainError } from '../domain/domain-error.js';
import { certainlyRolledBack } from '../persistence/postgres-errors.js';
import type { Outcome } from './handles.js';

interface Pending {
  readonly command: Command<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

type Flush = (commands: readonly Command<unknown>[]) => Promise<readonly Outcome<unknown>[]>;

/** Flushes of one type under way at once: the second gathers and writes while the first waits for the disk. */
const MAX_FLUSHES = 2;

/**
 * Gathers concurrent commands of one type into shared transactions.
 *
 * An idle batcher flushes in the same turn of the event loop, so a lone command waits for nothing; a busy
 * one gathers what arrives meanwhile. A flush that fails for a reason other than a domain error is repeated
 * command by command, so that one poisonous command cannot fail its neighbours.
 */
export class Batcher {
  readonly #waiting: Pending[] = [];
  /** A flush serves many callers, so it must not run in the trace context of the one who came first. */
  readonly #outsideAnyRequest = AsyncLocalStorage.snapshot();
  #flushes = 0;
  #scheduled = false;

  constructor(
    private readonly max: number,
    private readonly flush: Flush,
  ) {}

  add(command: Command<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ command, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#flushes >= MAX_FLUSHES || this.#waiting.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#outsideAnyRequest(() => void this.#flushNext());
    });
  }

  async #flushNext(): Promise<void> {
    const batch = this.#waiting.splice(0, this.max);
    if (batch.length === 0) return;
    this.#flushes += 1;
    this.#schedule();
    await this.#settle(batch);
    this.#flushes -= 1;
    this.#schedule();
  }

  /** Never rejects: every failure reaches the callers of its commands. */
  async #settle(batch: readonly Pending[]): Promise<void> {
    try {
      const outcomes = await this.flush(batch.map((pending) => pending.command));
      batch.forEach((pending, index) => {
        answer(pending, outcomes[index]);
      });
    } catch (error) {
      if (batch.length === 1 || error instanceof DomainError || !certainlyRolledBack(error)) {
        batch.forEach((pending) => {
          pending.reject(error);
        });
        return;
      }
      for (const pending of batch) await this.#settle([pending]);
    }
  }
}

function answer(pending: Pending, outcome: unknown): void {
  if (outcome instanceof DomainError) pending.reject(outcome);
  else pending.resolve(outcome);
}
