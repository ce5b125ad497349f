import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentCaller } from '../../kernel/access/access.decorators.js';
import type { Caller } from '../../kernel/access/caller.js';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { ApiAnswer, ApiProblems } from '../../kernel/http/api.decorators.js';
import { DescribesIdempotency } from '../../kernel/http/idempotent.decorator.js';
import { ExactNumbers } from '../../kernel/http/json-body.js';
import type { Page } from '../../kernel/http/pages.js';
import { inTheSameShape, uuidParam } from '../../kernel/http/shapes.js';
import { MessageScope, OnMessage } from '../../kernel/messaging/message.decorators.js';
import { BetDesk } from './bet-desk.js';
import {
  betPage,
  betView,
  type BetView,
  listBetsQuery,
  type ListBetsRequest,
  placeBetsBody,
  type PlaceBetRequest,
  toRequest,
} from './bets.dto.js';
import { GetBet, ListBets } from './queries/bets.js';

@ApiTags('bets')
@Controller()
@MessageScope('bet-maker')
export class BetsController {
  constructor(
    private readonly mediator: Mediator,
    private readonly desk: BetDesk,
  ) {}

  @Post('bet')
  @OnMessage('bets/place')
  @DescribesIdempotency()
  @ExactNumbers()
  @ApiOperation({ summary: 'Place a bet, or up to 1,000 at once, all or none' })
  @ApiAnswer(betView, {
    status: 201,
    description: 'The bet, its odds locked; an array for an array',
  })
  @ApiProblems(404, 409, 503)
  place(
    @CurrentCaller() caller: Caller,
    @Body({ schema: placeBetsBody }) body: PlaceBetRequest | PlaceBetRequest[],
  ): Promise<BetView | readonly BetView[]> {
    return inTheSameShape(body, (bets) => this.desk.place(caller.id, bets.map(toRequest)));
  }

  @Get('bets')
  @ApiOperation({ summary: 'List your bets, newest first' })
  @ApiAnswer(betPage)
  list(
    @CurrentCaller() caller: Caller,
    @Query({ schema: listBetsQuery }) query: ListBetsRequest,
  ): Promise<Page<BetView>> {
    return this.mediator.ask(new ListBets(caller.id, query));
  }

  @Get('bets/:bet_id')
  @ApiOperation({ summary: 'Get one of your bets' })
  @ApiAnswer(betView)
  get(
    @CurrentCaller() caller: Caller,
    @Param('bet_id', { schema: uuidParam }) betId: string,
  ): Promise<BetView> {
    return this.mediator.ask(new GetBet(caller.id, betId));
  }
}
