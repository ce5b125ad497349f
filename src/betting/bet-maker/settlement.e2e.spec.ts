import fc from 'fast-check';
import { BettingStand, minor } from '../../../test/support/betting.js';

const WIRE = { won: 1n, lost: 0n };

interface Case {
  readonly stake: bigint;
  readonly odds: bigint;
  readonly share: bigint;
  readonly heat: bigint;
  readonly outcome: 'won' | 'lost';
}

/** The formula, in whole numbers, written down once more. */
function payoutOf({ stake, odds, share, heat, outcome }: Case): bigint {
  const won = stake * (1_000n - share) * odds * heat * WIRE[outcome];
  return (stake * share * 1_000_000n + won) / 1_000_000_000n;
}

const decimal = (thousandths: bigint) =>
  `${String(thousandths / 1_000n)}.${String(thousandths % 1_000n).padStart(3, '0')}`;

describe('a settlement', () => {
  let stand: BettingStand;
  beforeAll(async () => {
    stand = await BettingStand.boot();
  });
  afterAll(async () => {
    expect(await stand.problems()).toEqual([]);
    await stand.stop();
  });

  const place = async (event_id: string, sum_bet: string) =>
    (await stand.bet({ event_id, sum_bet })).body;

  it('gives every stake back when the event is void', async () => {
    const event_id = await stand.offer();
    const before = await stand.wallet();
    const { bet_id } = await place(event_id, '10.00');
    await stand.line.result(event_id, 'void');
    expect(await stand.settled(bet_id)).toMatchObject({ status: 'voided', payout: '10.00' });
    expect(await stand.wallet()).toEqual(before);
  });

  it('keeps the stakes of bets that are lost, and says how far it has come', async () => {
    const event_id = await stand.offer();
    const before = await stand.wallet();
    const { bet_id } = await place(event_id, '10.00');
    await stand.line.result(event_id, 'lost');
    expect(await stand.settled(bet_id)).toMatchObject({ status: 'lost', payout: '0.00' });
    expect(await stand.wallet()).toEqual({ ...before, cash: before.cash - 1_000n });
    const { body } = await stand.app.http.get(`/events/${event_id}/settlements`);
    expect(body).toMatchObject({
      items: [{ settlement: 1, outcome: 'lost', state: 'done', settled: 1, bets: 1 }],
    });
  });

  it('follows the formula to the last minor unit, with shares and dead heats', async () => {
    const thousandths = fc.bigInt({ min: 0n, max: 1_000n });
    const cases = fc.sample(
      fc.record({
        stake: fc.bigInt({ min: 1n, max: 99_999n }),
        odds: fc.bigInt({ min: 1_001n, max: 50_000n }),
        share: thousandths,
        heat: thousandths,
        outcome: fc.constantFrom('won' as const, 'lost' as const),
      }),
      12,
    );
    for (const one of cases) {
      const { stake, odds, share, heat, outcome } = one;
      const event_id = await stand.offer({ ratio: decimal(odds) });
      const text = String(stake).padStart(3, '0');
      const { bet_id } = await place(event_id, `${text.slice(0, -2)}.${text.slice(-2)}`);
      await stand.line.result(event_id, outcome, {
        void_share: decimal(share),
        dead_heat: decimal(heat),
      });
      const { payout } = await stand.settled(bet_id);
      expect(minor(payout!)).toBe(payoutOf(one));
    }
  });

  it('is reversed by further entries, and what the cash does not cover is owed and collected', async () => {
    const event_id = await stand.offer({ ratio: '3.000' });
    const { bet_id } = await place(event_id, '100.00');
    await stand.line.result(event_id, 'won');
    await stand.settled(bet_id);
    // All the cash is staked elsewhere by the time that the result turns out to be wrong.
    const { cash } = await stand.wallet();
    const elsewhere = await stand.offer();
    let left = cash;
    while (left > 0n) {
      const stake = left > 9_000_000n ? 9_000_000n : left;
      const text = String(stake).padStart(3, '0');
      expect(
        (
          await stand.bet({
            event_id: elsewhere,
            sum_bet: `${text.slice(0, -2)}.${text.slice(-2)}`,
          })
        ).status,
      ).toBe(201);
      left -= stake;
    }
    await stand.line.result(event_id, 'lost');
    expect(await stand.settled(bet_id, 2)).toMatchObject({ status: 'lost', payout: '0.00' });
    expect(await stand.wallet()).toMatchObject({ cash: 0n, debt: 30_000n });
    await stand.app.http.post('/wallet/deposit', { amount: '50.00' });
    expect(await stand.wallet()).toMatchObject({ cash: 0n, debt: 25_000n });
    await stand.line.result(elsewhere, 'void');
    await stand.app.until(async () => (await stand.wallet()).reserved === 0n);
    expect(await stand.wallet()).toEqual({ cash: cash - 25_000n, reserved: 0n, debt: 0n });
  });

  it('never pays a bet that was accepted after the line provider had closed the event', async () => {
    const event_id = await stand.offer();
    const early = await place(event_id, '10.00');
    const closedAt = new Date().toISOString();
    await stand.app.until(() => new Date().toISOString() > closedAt);
    const late = await place(event_id, '10.00');
    await stand.line.change(event_id, { status: 'closed', changed_at: closedAt });
    await stand.line.result(event_id, 'won');
    expect(await stand.settled(early.bet_id)).toMatchObject({ status: 'won', payout: '20.00' });
    expect(await stand.settled(late.bet_id)).toMatchObject({ status: 'voided', payout: '10.00' });
  });

  it('is not done again by a message that comes again', async () => {
    const event_id = await stand.offer();
    const { bet_id } = await place(event_id, '10.00');
    await stand.line.result(event_id, 'won');
    await stand.settled(bet_id);
    const after = await stand.wallet();
    const event = stand.line.events.get(event_id);
    await stand.line.publish('line-provider.event-changed.v1', event, event_id);
    await stand.app.send('bet-maker-settlements', 'next', { event_id, settlement: 1 });
    await stand.app.settle();
    expect(await stand.wallet()).toEqual(after);
  });
});
