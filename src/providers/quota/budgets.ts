import { Injectable } from '@nestjs/common';
import { Gatherer } from '../../kernel/gatherer.js';
import { type Budget, BudgetRepository, type BudgetReservation } from './budget.repository.js';

interface Pending<T, R> {
  readonly item: T;
  readonly resolve: (result: R) => void;
  readonly reject: (reason: unknown) => void;
}

const MAX = 1_000;

/** Sets money aside for calls to paid providers, many callers in one statement. */
@Injectable()
export class Budgets {
  readonly #reserving: Gatherer<
    Pending<{ budget: Budget; micros: number }, BudgetReservation | null>
  >;
  readonly #refunding: Gatherer<Pending<BudgetReservation, undefined>>;

  constructor(repository: BudgetRepository) {
    this.#reserving = new Gatherer(MAX, (batch) =>
      settleAll(batch, (items) => repository.reserve(items)),
    );
    this.#refunding = new Gatherer(MAX, (batch) =>
      settleAll(batch, async (items) => {
        await repository.refund(items);
        return items.map(() => undefined);
      }),
    );
  }

  /**
   * Reserve before sending: `null` means that it no longer fits. When it rejects, the money may be set aside all the
   * same: then it is spent on nothing, but never overspent.
   */
  reserve(budget: Budget, micros: number): Promise<BudgetReservation | null> {
    return new Promise((resolve, reject) => {
      this.#reserving.add({ item: { budget, micros }, resolve, reject });
    });
  }

  /** For a call of which certainly nothing was written. Once per reservation. */
  refund(reservation: BudgetReservation): Promise<undefined> {
    return new Promise((resolve, reject) => {
      this.#refunding.add({ item: reservation, resolve, reject });
    });
  }
}

async function settleAll<T, R>(
  batch: readonly Pending<T, R>[],
  work: (items: readonly T[]) => Promise<readonly R[]>,
): Promise<void> {
  try {
    const results = await work(batch.map(({ item }) => item));
    batch.forEach(({ resolve }, n) => {
      resolve(results[n] as R);
    });
  } catch (error) {
    for (const { reject } of batch) reject(error);
  }
}
