import { Body, Controller, Get, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, RequiresRight } from '../../../kernel/access/access.decorators.js';
import type { Caller } from '../../../kernel/access/caller.js';
import { Mediator } from '../../../kernel/cqrs/mediator.js';
import { ApiAnswer } from '../../../kernel/http/api.decorators.js';
import { Idempotent } from '../../../kernel/http/idempotent.decorator.js';
import { ExactNumbers } from '../../../kernel/http/json-body.js';
import { type Page, pageQuery } from '../../../kernel/http/pages.js';
import type { z } from 'zod';
import { DepositMoney } from '../commands/deposit-money.js';
import { GetWallet, ListWalletEntries } from '../queries/wallets.js';
import {
  deposit,
  type DepositRequest,
  entryPage,
  type EntryView,
  walletView,
  type WalletView,
} from './wallet.dto.js';

@ApiTags('wallet')
@Controller('wallet')
export class WalletController {
  constructor(private readonly mediator: Mediator) {}

  @Get()
  @ApiOperation({ summary: 'See your wallet' })
  @ApiAnswer(walletView)
  get(@CurrentCaller() caller: Caller): Promise<WalletView> {
    return this.mediator.ask(new GetWallet(caller.id));
  }

  @Get('entries')
  @ApiOperation({ summary: 'List the entries of your wallet, newest first' })
  @ApiAnswer(entryPage)
  list(
    @CurrentCaller() caller: Caller,
    @Query({ schema: pageQuery }) query: z.output<typeof pageQuery>,
  ): Promise<Page<EntryView>> {
    return this.mediator.ask(new ListWalletEntries(caller.id, query));
  }

  @Post('deposit')
  @RequiresRight('admin')
  @Idempotent()
  @ExactNumbers()
  @ApiOperation({ summary: 'Put money into a wallet' })
  @ApiAnswer(walletView, { status: 201 })
  async deposit(
    @CurrentCaller() caller: Caller,
    @Body({ schema: deposit }) { amount, owner_id: ownerId = caller.id }: DepositRequest,
  ): Promise<WalletView> {
    await this.mediator.execute(new DepositMoney({ ownerId, amount }));
    return this.mediator.ask(new GetWallet(ownerId));
  }
}
