import type { Command } from '@nestjs/cqrs';
import { DomainError } from '../domain/domain-error.js';
import { Gatherer } from '../gatherer.js';
import { certainlyRolledBack } from '../persistence/postgres-errors.js';
import type { Outcome } from './handles.js';

interface Pending {
  readonly command: Command<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

type Flush = (commands: readonly Command<unknown>[]) => Promise<readonly Outcome<unknown>[]>;

/**
 * Gathers concurrent commands of one type into shared transactions.
 *
 * A lone command waits for nothing, see {@link Gatherer}. A flush that fails for a reason other than a domain error
 * is repeated command by command, so that one poisonous command cannot fail its neighbours.
 */
export class Batcher {
  readonly #gatherer: Gatherer<Pending>;

  constructor(
    max: number,
    private readonly flush: Flush,
    batchesAtOnce?: number,
  ) {
    this.#gatherer = new Gatherer(max, (batch) => this.#settle(batch), batchesAtOnce);
  }

  add(command: Command<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#gatherer.add({ command, resolve, reject });
    });
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
