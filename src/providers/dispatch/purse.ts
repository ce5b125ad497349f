import { Injectable, Logger } from '@nestjs/common';
import { Gatherer } from '../../kernel/gatherer.js';
import type { Provider } from '../domain/provider.js';
import {
  BudgetRepository,
  type BudgetPeriod,
  type BudgetReservation,
  type Spending,
} from '../quota/budget.repository.js';

/** Reservations that share one statement. */
const BATCH = 500;

interface Wish {
  readonly spending: Spending;
  readonly resolve: (reservation: BudgetReservation | undefined) => void;
  readonly reject: (reason: unknown) => void;
}

/** Sets money aside before it is spent: what is reserved by all processes together never exceeds the budget. */
@Injectable()
export class Purse {
  readonly #logger = new Logger('Providers');
  readonly #gatherer = new Gatherer<Wish>(BATCH, (wishes) => this.#reserve(wishes));

  constructor(private readonly budgets: BudgetRepository) {}

  /** Undefined when the budget of the provider does not allow one more call. */
  reserve(provider: Provider): Promise<BudgetReservation | undefined> {
    const budget = {
      providerId: provider.id,
      period: provider.budgetPeriod as BudgetPeriod,
      limitMicros: provider.budgetMicros,
    };
    return new Promise((resolve, reject) => {
      this.#gatherer.add({ spending: { budget, micros: provider.priceMicros }, resolve, reject });
    });
  }

  /** Never rejects: money that cannot be given back now counts as spent. */
  async refund(reservation: BudgetReservation): Promise<void> {
    try {
      await this.budgets.refund([reservation]);
    } catch (error) {
      this.#logger.error({ err: error, ...reservation }, 'Could not give back unspent money');
    }
  }

  async #reserve(wishes: readonly Wish[]): Promise<void> {
    try {
      const reservations = await this.budgets.reserve(wishes.map(({ spending }) => spending));
      wishes.forEach(({ resolve }, index) => {
        resolve(reservations[index] ?? undefined);
      });
    } catch (error) {
      for (const { reject } of wishes) reject(error);
    }
  }
}
