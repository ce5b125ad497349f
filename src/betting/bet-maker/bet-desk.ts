import { Injectable } from '@nestjs/common';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { DomainError } from '../../kernel/domain/domain-error.js';
import { BetMetrics } from './bet.metrics.js';
import type { BetView } from './bets.dto.js';
import { PlaceBets } from './commands/place-bets.js';
import { EventNotFound } from './domain/bet.errors.js';
import type { BetRequest } from './domain/placement.js';
import { LineKeeper } from './line/line-keeper.js';

/** Takes bets; one on an event that was never heard of is tried again once the line provider has told of it. */
@Injectable()
export class BetDesk {
  constructor(
    private readonly mediator: Mediator,
    private readonly line: LineKeeper,
    private readonly metrics: BetMetrics,
  ) {}

  async place(ownerId: string, requests: readonly BetRequest[]): Promise<BetView[]> {
    try {
      const bets = await this.#place(ownerId, requests);
      this.metrics.placed.inc(bets.length);
      return bets;
    } catch (error) {
      if (error instanceof DomainError) this.metrics.refused.inc({ code: error.code });
      throw error;
    }
  }

  async #place(ownerId: string, requests: readonly BetRequest[]): Promise<BetView[]> {
    try {
      return await this.mediator.execute(new PlaceBets(ownerId, requests));
    } catch (error) {
      const isNews =
        error instanceof EventNotFound &&
        (await this.line.learn(requests.map((one) => one.eventId)));
      if (!isNews) throw error;
      return this.mediator.execute(new PlaceBets(ownerId, requests));
    }
  }
}
