import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { type ConfirmChannel, connect } from 'amqplib';
import type { Client } from 'pg';
import type { Bench } from './bench.ts';
import type { Program } from './program.ts';

/** What each user has to begin with, in minor units. */
const CASH = 100_000_000_000;
const EVENT = 'line-provider.event-changed.v1';

/** The bet maker alone, with limits that no benchmark reaches. */
export function startBetMaker(bench: Bench, roles: string): Promise<Program> {
  return bench.start({
    name: 'bet-maker',
    roles,
    file: join(import.meta.dirname, 'betting-program.ts'),
    env: {
      MODULES: 'bet-maker',
      BETS_MAX_EVENT_LIABILITY_MINOR: '1000000000000000',
      BETS_MAX_DAILY_LOSS_MINOR: '1000000000000000',
      BETS_LINE_SILENCE_MS: '3600000',
    },
  });
}

/** Users `user-1` to `user-<count>` with a wallet and its opening transfer each. */
export async function openWallets(database: Client, count: number): Promise<void> {
  await database.query(
    `with wallets as (
       insert into bet_maker.wallet (owner_id, cash) select 'user-' || n, $2 from generate_series(1, $1::int) as n returning owner_id)
     insert into bet_maker.transfer (owner_id, amount, taken_from, given_to, reason)
     select owner_id, $2, 'bank', 'cash', 'deposit' from wallets`,
    [count, CASH],
  );
}

/** Open events at odds of 2, on a line that has just been heard of. */
export async function offerEvents(database: Client, ids: readonly string[]): Promise<void> {
  await database.query(
    `insert into bet_maker.event (event_id, version, ratio, deadline, status, feed_version, changed_at)
     select id, 1, 2000, now() + interval '1 day', 'open', place, now() from unnest($1::text[]) with ordinality as one (id, place)`,
    [ids],
  );
  await database.query(`insert into bet_maker.exposure (event_id) select unnest($1::text[])`, [
    ids,
  ]);
  await database.query(
    `update bet_maker.feed set synced = true, heard_at = now(), wanted_at = null, incarnation = $1`,
    [randomUUID()],
  );
}

/** As the program writes them: one bet of 10.00 at odds of 2 after the other, spread over the users. */
export async function insertBets(
  database: Client,
  { eventId, bets, users }: { eventId: string; bets: number; users: number },
): Promise<void> {
  await database.query(
    `insert into bet_maker.bet (bet_id, owner_id, event_id, event_version, stake, odds, placed_at)
     select (lpad(to_hex(1763700000000 + n / 10), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid,
            'user-' || (1 + n % $2), $3, 1, 1000, 2000, now()
     from generate_series(1, $1::int) as n`,
    [bets, users, eventId],
  );
  await database.query(
    `insert into bet_maker.transfer (owner_id, bet_id, amount, taken_from, given_to, reason)
     select owner_id, bet_id, stake, 'cash', 'reserved', 'reserve' from bet_maker.bet where event_id = $1`,
    [eventId],
  );
  await database.query(
    `update bet_maker.wallet set cash = cash - staked, reserved = reserved + staked
     from (select owner_id, sum(stake)::bigint as staked from bet_maker.bet where event_id = $1 group by owner_id) as bet
     where wallet.owner_id = bet.owner_id`,
    [eventId],
  );
  await database.query(
    `update bet_maker.exposure set bets = $2::int, staked = $2::bigint * 1000, liability = $2::bigint * 1000 where event_id = $1`,
    [eventId, bets],
  );
  await database.query('vacuum analyze bet_maker.bet, bet_maker.wallet, bet_maker.transfer');
}

/** Rejects unless the ledger balances, wallets are the sums of their entries, and nothing is negative. */
export async function auditLedger(database: Client): Promise<void> {
  const { rows } = await database.query<{ sum: string; wrong: string }>(
    `select (select coalesce(sum(amount), 0) from bet_maker.entry) as sum,
            (select count(*) from bet_maker.wallet full join (
               select owner_id, sum(amount) filter (where account = 'cash') as cash,
                      sum(amount) filter (where account = 'reserved') as reserved,
                      sum(amount) filter (where account = 'debt') as debt
               from bet_maker.entry group by owner_id) as entry using (owner_id)
             where (wallet.cash, wallet.reserved, -wallet.debt) is distinct from
                   (coalesce(entry.cash, 0), coalesce(entry.reserved, 0), coalesce(entry.debt, 0))) as wrong`,
  );
  const [audit] = rows;
  if (audit?.sum !== '0' || audit.wrong !== '0')
    throw new Error(`The ledger does not balance: ${JSON.stringify(audit)}`);
  console.log('  verified: the entries sum to 0, and every wallet is the sum of its own');
}

/** Publishes what the line provider would. */
export class LineFeed {
  readonly #channel: ConfirmChannel;
  readonly #close: () => Promise<void>;

  private constructor(channel: ConfirmChannel, close: () => Promise<void>) {
    this.#channel = channel;
    this.#close = close;
  }

  static async open(amqpUrl: string): Promise<LineFeed> {
    const connection = await connect(amqpUrl);
    const channel = await connection.createConfirmChannel();
    return new LineFeed(channel, async () => connection.close());
  }

  async change(eventId: string, version: number, more: object = {}): Promise<void> {
    const event = {
      event_id: eventId,
      version,
      ratio: '2.000',
      deadline: new Date(Date.now() + 3_600_000).toISOString(),
      status: 'open',
      result: null,
      feed_version: String(1_000 + version),
      changed_at: new Date().toISOString(),
      ...more,
    };
    this.#channel.publish('millrace.events', EVENT, Buffer.from(JSON.stringify(event)), {
      messageId: randomUUID(),
      contentType: 'application/json',
      persistent: true,
      headers: { 'cloudEvents:subject': eventId },
    });
    await this.#channel.waitForConfirms();
  }

  async won(eventId: string, version: number): Promise<void> {
    const result = { settlement: 1, outcome: 'won', void_share: '0.000', dead_heat: '1.000' };
    await this.change(eventId, version, { status: 'resulted', result });
  }

  async close(): Promise<void> {
    await this.#close();
  }
}
