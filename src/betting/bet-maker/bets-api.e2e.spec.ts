import { type App, bootApp } from '../../../test/support/app.js';

import { PlayedLine } from '../../../test/support/played-line.js';
import type { BetView } from './bets.dto.js';
import type { WalletView } from './wallet/wallet.dto.js';

let app: App;
let line: PlayedLine;

beforeAll(async () => {
  app = await bootApp({ shared: true, env: { MODULES: 'bet-maker' } });
  line = await new PlayedLine(app.broker).listen();
  await line.beat();
});
afterAll(async () => {
  await line.stop();
  await app.stop();
});

let count = 0;
/** An event that bets can be placed on. */
async function offered(change: Parameters<PlayedLine['change']>[1] = {}): Promise<string> {
  const id = `e-${String((count += 1))}`;
  const { version } = await line.change(id, change);
  await known(id, version);
  return id;
}
async function known(id: string, version: number): Promise<void> {
  await app.until(async () => {
    const rows = await app.sql(
      `select from bet_maker.event, bet_maker.feed where synced and event_id = $1 and version >= $2`,
      [id, version],
    );
    return rows.length > 0;
  });
}
const bet = (body: unknown, headers = {}) => app.http.post<BetView>('/bet', body, headers);
const wallet = async () => (await app.http.get<WalletView>('/wallet')).body;
const settled = (id: string) =>
  app.until(async () => {
    const { body } = await app.http.get<BetView>(`/bets/${id}`);
    return body.status === 'accepted' ? undefined : body;
  });
const minor = (amount: string) => BigInt(amount.replace('.', ''));

describe('a bet', () => {
  it('locks its odds, reserves its stake, and is paid when it wins', async () => {
    const event_id = await offered({ ratio: '1.850' });
    const before = await wallet();
    const { status, body } = await bet({ event_id, sum_bet: '10.01' });
    expect(status).toBe(201);
    expect(body).toMatchObject({ event_id, sum_bet: '10.01', odds: '1.850', status: 'accepted' });
    const during = await wallet();
    expect(minor(during.cash)).toBe(minor(before.cash) - 1_001n);
    expect(minor(during.reserved)).toBe(minor(before.reserved) + 1_001n);
    await line.change(event_id, { ratio: '5.000' });
    await line.result(event_id, 'won');
    expect(await settled(body.bet_id)).toMatchObject({ status: 'won', payout: '18.51' });
    const after = await wallet();
    expect(minor(after.cash)).toBe(minor(before.cash) - 1_001n + 1_851n);
    expect(after.reserved).toBe(before.reserved);
  });
});
