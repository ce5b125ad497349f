import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../../kernel/cqrs/handles.js';
import { SettlementRepository } from '../settlement.repository.js';
import { type Deposit, WalletRepository } from '../wallet/wallet.repository.js';

/** Puts money into a wallet, which is opened for it where there is none; what the owner owes is paid first. */
export class DepositMoney extends Command<void> {
  constructor(readonly deposit: Deposit) {
    super();
  }
}

@Handles(DepositMoney)
export class DepositMoneyHandler implements Handler<DepositMoney> {
  constructor(
    private readonly wallets: WalletRepository,
    private readonly settlements: SettlementRepository,
  ) {}

  async execute({ deposit }: DepositMoney): Promise<void> {
    await this.wallets.open(deposit.ownerId);
    await this.wallets.deposit(deposit);
    await this.settlements.collectDebts([deposit.ownerId]);
  }
}

/** A wallet with money to begin with; one that is there gets nothing. */
export class OpenWallet extends Command<void> {
  constructor(readonly deposit: Deposit) {
    super();
  }
}

@Handles(OpenWallet)
export class OpenWalletHandler implements Handler<OpenWallet> {
  constructor(private readonly wallets: WalletRepository) {}

  async execute({ deposit }: OpenWallet): Promise<void> {
    const isNew = await this.wallets.open(deposit.ownerId);
    if (isNew && deposit.amount > 0n) await this.wallets.deposit(deposit);
  }
}
