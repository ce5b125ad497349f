import { Injectable, Logger } from '@nestjs/common';
import type { Provider } from '../domain/provider.js';
import type { BudgetPeriod, BudgetReservation } from '../quota/budget.repository.js';
import { Budgets } from '../quota/budgets.js';

/** Sets money aside before it is spent: what is reserved by all processes together never exceeds the budget. */
@Injectable()
export class Purse {
  readonly #logger = new Logger('Providers');

  constructor(private readonly budgets: Budgets) {}

  /** Null when the budget of the provider does not allow one more call. */
  reserve(provider: Provider): Promise<BudgetReservation | null> {
    const { id: providerId, budgetPeriod, budgetMicros: limitMicros, priceMicros } = provider;
    const budget = { providerId, period: budgetPeriod as BudgetPeriod, limitMicros };
    return this.budgets.reserve(budget, priceMicros);
  }

  /** Never rejects: money that cannot be given back now counts as spent. */
  async refund(reservation: BudgetReservation): Promise<void> {
    try {
      await this.budgets.refund(reservation);
    } catch (error) {
      this.#logger.error({ err: error, ...reservation }, 'Could not give back unspent money');
    }
  }
}
