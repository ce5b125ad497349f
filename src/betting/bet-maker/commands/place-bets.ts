import { Inject } from '@nestjs/common';
import { Command } from '@nestjs/cqrs';
import { type BatchHandler, Handles, type Outcome } from '../../../kernel/cqrs/handles.js';
import { DomainError } from '../../../kernel/domain/domain-error.js';
import { ENV, type Env } from '../../../kernel/env.js';
import { currentCommandKey, KeyedCommands } from '../../../kernel/http/keyed-commands.js';
import { Ids } from '../../../kernel/ids.js';
import { Outbox } from '../../../kernel/outbox/outbox.js';
import { betPlacedMessage } from '../bet.messages.js';
import { BetRepository, type PlacedBet } from '../bet.repository.js';
import { toPlacedView } from '../bet.view.js';
import type { BetView } from '../bets.dto.js';
import { type BetRequest, decide, type Limits } from '../domain/placement.js';
import { Subscriptions } from '../updates/subscriptions.repository.js';

/**
 * Places bets for one owner, all or none. Throws `LineIsSilent`, `EventNotFound`, `EventNotOpen`, `OfferChanged`,
 * `StakeOutOfRange`, `InsufficientFunds`, `DailyLossReached`, `EventLiabilityReached`.
 */
export class PlaceBets extends Command<BetView[]> {
  readonly key = currentCommandKey();
  constructor(
    readonly ownerId: string,
    readonly requests: readonly BetRequest[],
  ) {
    super();
  }
}

@Handles(PlaceBets, { batch: 200 })
export class PlaceBetsHandler implements BatchHandler<PlaceBets> {
  readonly #limits: Limits;

  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly ids: Ids,
    private readonly keys: KeyedCommands,
    private readonly bets: BetRepository,
    private readonly outbox: Outbox,
    private readonly subscriptions: Subscriptions,
  ) {
    this.#limits = {
      minStake: BigInt(env.BETS_MIN_STAKE_MINOR),
      maxStake: BigInt(env.BETS_MAX_STAKE_MINOR),
      eventLiability: BigInt(env.BETS_MAX_EVENT_LIABILITY_MINOR),
      dailyLoss: BigInt(env.BETS_MAX_DAILY_LOSS_MINOR),
    };
  }

  /** Keys are taken first: they are the outermost of the locks. */
  executeMany(commands: readonly PlaceBets[]): Promise<Outcome<BetView[]>[]> {
    return this.keys.answer<PlaceBets, BetView[]>(commands, (fresh) => this.#place(fresh));
  }

  async #place(commands: readonly PlaceBets[]): Promise<Outcome<BetView[]>[]> {
    const eventIds = new Set(
      commands.flatMap(({ requests }) => requests.map((one) => one.eventId)),
    );
    const ownerIds = new Set(commands.map(({ ownerId }) => ownerId));
    const found = await this.bets.loadPicture(
      [...eventIds],
      [...ownerIds],
      this.env.BETS_LINE_SILENCE_MS,
    );
    const picture = { ...found, limits: this.#limits };
    const decided = commands.map(({ ownerId, requests }) => {
      const accepted = decide(ownerId, requests, picture);
      if (accepted instanceof DomainError) return accepted;
      return accepted.map((bet): PlacedBet => ({ ...bet, betId: this.ids.next() }));
    });
    const placed = decided.flatMap((bets) => (bets instanceof DomainError ? [] : bets));
    await this.bets.insertMany(placed, picture.now);
    await this.outbox.append(placed.map((bet) => betPlacedMessage(bet.betId, bet)));
    this.subscriptions.add(placed);
    return decided.map((bets) =>
      bets instanceof DomainError ? bets : bets.map((bet) => toPlacedView(bet, picture.now)),
    );
  }
}
