import type { App } from '../../../test/support/app.js';
import { type BetBody, BettingStand } from '../../../test/support/betting.js';

describe('bets that are placed at once', () => {
  let stand: BettingStand | undefined;
  afterEach(async () => {
    await stand?.stop();
    stand = undefined;
  });

  const boot = async (env: Readonly<Record<string, string>> = {}, others = 1) => {
    stand = await BettingStand.boot({ env });
    const apps = [stand.app];
    while (apps.length <= others) apps.push(await stand.beside(env));
    return { stand, apps };
  };
  const stopOthers = (apps: readonly App[]) => Promise.all(apps.slice(1).map((app) => app.stop()));
  const place = (apps: readonly App[], count: number, body: object) =>
    Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const app = apps[index % apps.length]!;
        return (await app.http.post<BetBody>('/bet', body)).status;
      }),
    );
  const accepted = (statuses: readonly number[]) =>
    statuses.filter((status) => status === 201).length;

  it('by 200 callers with money for 100 over four processes: exactly 100 are taken', async () => {
    const { stand: one, apps } = await boot({ BETS_OPENING_BALANCE_MINOR: '10000' }, 3);
    const event_id = await one.offer();
    const statuses = await place(apps, 200, { event_id, sum_bet: '1.00' });
    expect(accepted(statuses)).toBe(100);
    expect(new Set(statuses)).toEqual(new Set([201, 409]));
    expect(await one.wallet()).toEqual({ cash: 0n, reserved: 10_000n, debt: 0n });
    expect(await one.problems()).toEqual([]);
    await stopOthers(apps);
  });

  it('with one key over two processes are one bet', async () => {
    const { stand: one, apps } = await boot();
    const event_id = await one.offer();
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        apps[index % 2]!.http.post<BetBody>(
          '/bet',
          { event_id, sum_bet: '1.00' },
          { 'idempotency-key': 'one-for-both' },
        ),
      ),
    );
    expect(new Set(answers.map(({ body }) => body.bet_id)).size).toBe(1);
    expect(await one.wallet()).toMatchObject({ reserved: 100n });
    await stopOthers(apps);
  });

  it('never exceed what an event may cost, nor what a user may lose a day', async () => {
    const limits = { BETS_MAX_EVENT_LIABILITY_MINOR: '5000', BETS_MAX_DAILY_LOSS_MINOR: '8000' };
    const { stand: one, apps } = await boot(limits, 2);
    const [first, second] = [
      await one.offer({ ratio: '2.000' }),
      await one.offer({ ratio: '1.010' }),
    ];
    expect(accepted(await place(apps, 90, { event_id: first, sum_bet: '1.00' }))).toBe(50);
    expect(accepted(await place(apps, 90, { event_id: second, sum_bet: '1.00' }))).toBe(30);
    await stopOthers(apps);
  });

  it('while their event is closed: none after the closing, and none stays unsettled', async () => {
    const { stand: one, apps } = await boot();
    for (let round = 1; round <= 4; round += 1) {
      const event_id = await one.offer();
      const placing = place(apps, 125, { event_id, sum_bet: '1.00' });
      await one.app.until(async () => {
        const rows = await one.app.sql(`select from bet_maker.bet where event_id = $1`, [event_id]);
        return rows.length > 10 * round;
      });
      await one.line.change(event_id, { status: 'closed' });
      await one.line.result(event_id, 'won');
      const statuses = await placing;
      await one.app.until(async () => {
        const rows = await one.app.sql(
          `select from bet_maker.settlement where event_id = $1 and state = 'done'`,
          [event_id],
        );
        return rows.length === 1;
      });
      const [row] = await one.app.sql(
        `select count(*)::int as bets, count(*) filter (where bet.settlement = 1)::int as settled,
                count(*) filter (where bet.status = 'voided' and placed_at <= closed_at)::int as robbed,
                count(*) filter (where bet.status = 'won' and placed_at > closed_at)::int as late
         from bet_maker.bet join bet_maker.event using (event_id) where event_id = $1`,
        [event_id],
      );
      const bets = accepted(statuses);
      expect(row).toEqual({ bets, settled: bets, robbed: 0, late: 0 });
      expect((await one.bet({ event_id, sum_bet: '1.00' })).status).toBe(409);
    }
    expect(await one.problems()).toEqual([]);
    await stopOthers(apps);
  }, 60_000);
});
