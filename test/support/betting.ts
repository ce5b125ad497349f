import { type App, bootApp, type BootOptions } from './app.js';
import { ledgerProblems } from './ledger.js';
import { PlayedLine } from './played-line.js';

export interface BetBody {
  readonly bet_id: string;
  readonly event_id: string;
  readonly status: string;
  readonly payout: string | null;
}

interface WalletBody {
  readonly cash: string;
  readonly reserved: string;
  readonly debt: string;
}

/** The bet maker, alone but for a played line provider. */
export class BettingStand {
  #count = 0;

  private constructor(
    readonly app: App,
    readonly line: PlayedLine,
  ) {}

  /** Stop it in `afterAll` or at the end of the test. */
  static async boot({ env, ...options }: BootOptions = {}): Promise<BettingStand> {
    const app = await bootApp({ ...options, shared: true, env: { MODULES: 'bet-maker', ...env } });
    const line = await new PlayedLine(app.broker).listen();
    await line.beat();
    return new BettingStand(app, line);
  }

  /** Another process of the bet maker beside it, as far as anything but memory is concerned. */
  beside(env: BootOptions['env'] = {}): Promise<App> {
    return bootApp({ beside: this.app, env: { MODULES: 'bet-maker', ...env } });
  }

  async stop(): Promise<void> {
    await this.line.stop();
    await this.app.stop();
  }

  /** A new event that bets can be placed on. */
  async offer(change: Parameters<PlayedLine['change']>[1] = {}): Promise<string> {
    const id = `e-${String((this.#count += 1))}`;
    const { version } = await this.line.change(id, change);
    await this.known(id, version);
    return id;
  }

  /** Waits until the bet maker knows that version of the event, and trusts its picture. */
  async known(id: string, version: number): Promise<void> {
    await this.app.until(async () => {
      const rows = await this.app.sql(
        `select from bet_maker.event, bet_maker.feed where synced and event_id = $1 and version >= $2`,
        [id, version],
      );
      return rows.length > 0;
    });
  }

  bet(body: unknown, headers: Readonly<Record<string, string>> = {}) {
    return this.app.http.post<BetBody>('/bet', body, headers);
  }

  async wallet(): Promise<{ cash: bigint; reserved: bigint; debt: bigint }> {
    const { body } = await this.app.http.get<WalletBody>('/wallet');
    return { cash: minor(body.cash), reserved: minor(body.reserved), debt: minor(body.debt) };
  }

  /** The bet once that settlement has reached it. */
  settled(id: string, settlement = 1): Promise<BetBody> {
    return this.app.until(async () => {
      const rows = await this.app.sql(
        `select from bet_maker.bet where bet_id = $1 and settlement >= $2`,
        [id, settlement],
      );
      return rows.length > 0 ? (await this.app.http.get<BetBody>(`/bets/${id}`)).body : undefined;
    });
  }

  problems(): Promise<unknown[]> {
    return ledgerProblems((text) => this.app.sql(text));
  }
}

export function minor(amount: string): bigint {
  return BigInt(amount.replace('.', ''));
}
