import { BettingStand } from '../../../test/support/betting.js';
import { problemIn } from '../../../test/support/http-client.js';

describe('the bet maker', () => {
  let stand: BettingStand;
  beforeAll(async () => {
    stand = await BettingStand.boot();
  });
  afterAll(async () => {
    expect(await stand.problems()).toEqual([]);
    await stand.stop();
  });

  const count = async () => {
    const [row] = await stand.app.sql<{ count: number }>(
      `select count(*)::int as count from bet_maker.bet`,
    );
    return row!.count;
  };

  it('locks the odds of a bet, reserves its stake, and pays it when it wins', async () => {
    const event_id = await stand.offer({ ratio: '1.850' });
    const before = await stand.wallet();
    const { status, body } = await stand.bet({ event_id, sum_bet: '10.01' });
    expect(status).toBe(201);
    expect(body).toMatchObject({ event_id, sum_bet: '10.01', odds: '1.850', status: 'accepted' });
    expect(await stand.wallet()).toEqual({
      ...before,
      cash: before.cash - 1_001n,
      reserved: before.reserved + 1_001n,
    });
    await stand.line.change(event_id, { ratio: '5.000' });
    await stand.line.result(event_id, 'won');
    expect(await stand.settled(body.bet_id)).toMatchObject({ status: 'won', payout: '18.51' });
    expect(await stand.wallet()).toEqual({ ...before, cash: before.cash - 1_001n + 1_851n });
  });

  it('answers an array for an array, all or none', async () => {
    const event_id = await stand.offer();
    const both = await stand.bet([
      { event_id, sum_bet: 1 },
      { event_id, sum_bet: 2.5 },
    ]);
    expect(both.status).toBe(201);
    expect(both.body).toMatchObject([{ sum_bet: '1.00' }, { sum_bet: '2.50' }]);
    const before = await count();
    const none = await stand.bet([
      { event_id, sum_bet: 1 },
      { event_id: 'nobody-knows', sum_bet: 1 },
    ]);
    expect(problemIn(none)).toMatchObject({ status: 404, errors: [{ field: '[1].event_id' }] });
    expect(await count()).toBe(before);
  });

  it.each([
    ['sum_bet', 0],
    ['sum_bet', -1],
    ['sum_bet', '-0'],
    ['sum_bet', 1e-7],
    ['sum_bet', 'NaN'],
    ['sum_bet', '10.001'],
    ['sum_bet', 10.001],
    ['sum_bet', 1e21],
    ['sum_bet', null],
    ['sum_bet', true],
    ['odds', 1],
    ['odds', '0.5'],
    ['odds', '1.2345'],
    ['event_id', ''],
    ['odds_policy', 'best'],
    ['colour', 'red'],
  ])('names %s when it is %p, and writes nothing', async (field, value) => {
    const event_id = await stand.offer();
    const before = await count();
    const refused = await stand.bet({ event_id, sum_bet: 1, [field]: value });
    expect(problemIn(refused)).toMatchObject({ status: 422, errors: [{ field }] });
    expect(await count()).toBe(before);
  });

  it('refuses -0, digits beyond those that numbers keep, and what is no JSON', async () => {
    const event_id = await stand.offer();
    const long = await stand.bet(`[{"event_id":"${event_id}","sum_bet":10.0000000000000001}]`);
    expect(problemIn(long)).toMatchObject({ status: 422, errors: [{ field: '[0].sum_bet' }] });
    const minusZero = await stand.bet(`{"event_id":"${event_id}","sum_bet":-0}`);
    expect(problemIn(minusZero)).toMatchObject({ status: 422, errors: [{ field: 'sum_bet' }] });
    const notANumber = await stand.bet(`{"event_id":"${event_id}","sum_bet":NaN}`);
    expect(notANumber.status).toBe(400);
  });

  it('refuses events that are closed, suspended, past their deadline or unknown', async () => {
    const closed = await stand.offer({ status: 'closed' });
    const suspended = await stand.offer({ status: 'suspended' });
    const past = await stand.offer({ deadline: new Date(Date.now() - 1_000).toISOString() });
    for (const event_id of [closed, suspended, past]) {
      const refused = problemIn(await stand.bet({ event_id, sum_bet: 1 }));
      expect(refused).toMatchObject({ status: 409, errors: [{ field: 'event_id' }] });
    }
    const unknown = problemIn(await stand.bet({ event_id: 'unknown', sum_bet: 1 }));
    expect(unknown).toMatchObject({ status: 404, errors: [{ field: 'event_id' }] });
  });

  it('answers a bet on old odds with the new offer', async () => {
    const event_id = await stand.offer({ ratio: '2.000' });
    const { version } = await stand.line.change(event_id, { ratio: '1.950' });
    await stand.known(event_id, version);
    const refused = await stand.bet({ event_id, sum_bet: 1, odds: 2 });
    expect(problemIn(refused)).toMatchObject({
      status: 409,
      type: '/problems/offer-changed',
      offer: { event_id, ratio: '1.950', event_version: version },
    });
    const better = await stand.bet({ event_id, sum_bet: 1, odds: 1.9, odds_policy: 'better' });
    expect(better.body).toMatchObject({ odds: '1.950', event_version: version });
  });

  it('asks the line provider for an event that it has never heard of', async () => {
    stand.line.note('e-unheard', { ratio: '3.000' });
    const { status, body } = await stand.bet({ event_id: 'e-unheard', sum_bet: 1 });
    expect(status).toBe(201);
    expect(body).toMatchObject({ odds: '3.000' });
    expect(stand.line.asked).toContainEqual({ event_ids: ['e-unheard'] });
  });

  it('does a request with a key once, however often and however parallel it comes', async () => {
    const event_id = await stand.offer();
    const before = await count();
    const key = { 'idempotency-key': `key-${event_id}` };
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => stand.bet({ event_id, sum_bet: 7 }, key)),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(answers.map(({ body }) => body.bet_id)).size).toBe(1);
    expect(await count()).toBe(before + 1);
    const replayed = await stand.bet({ event_id, sum_bet: 7 }, key);
    expect(replayed.headers.get('idempotency-replayed')).toBe('true');
    expect(replayed.body).toEqual(answers[0]!.body);
    const other = await stand.bet({ event_id, sum_bet: 8 }, key);
    expect(problemIn(other)).toMatchObject({
      status: 422,
      type: '/problems/idempotency-key-reused',
    });
    expect(await count()).toBe(before + 1);
  });

  it('leaves the key of a failed bet free', async () => {
    const key = { 'idempotency-key': 'key-of-a-failed-bet' };
    const event_id = await stand.offer({ status: 'suspended' });
    expect((await stand.bet({ event_id, sum_bet: 7 }, key)).status).toBe(409);
    const { version } = await stand.line.change(event_id, { status: 'open' });
    await stand.known(event_id, version);
    expect((await stand.bet({ event_id, sum_bet: 7 }, key)).status).toBe(201);
  });

  it('takes bets by message, once per message', async () => {
    const event_id = await stand.offer();
    const before = await count();
    const id = await stand.app.send('bet-maker', 'bets/place', { event_id, sum_bet: '1.00' });
    await stand.app.send('bet-maker', 'bets/place', { event_id, sum_bet: '1.00' }, { id });
    await stand.app.settle();
    expect(await count()).toBe(before + 1);
  });

  it('lists events and bets, newest first, page by page', async () => {
    const event_id = await stand.offer();
    const first = await stand.bet({ event_id, sum_bet: 1 });
    const second = await stand.bet({ event_id, sum_bet: 2 });
    const events = await stand.app.http.get<{ items: object[] }>('/events?limit=1&status=open');
    expect(events.body.items).toMatchObject([
      { event_id, ratio: '2.000', status: 'open', version: 1 },
    ]);
    const path = `/bets?event_id=${event_id}&status=accepted&limit=1`;
    const page = await stand.app.http.get<{ items: object[]; next_cursor: string }>(path);
    expect(page.body.items).toEqual([second.body]);
    const next = await stand.app.http.get<{ items: object[]; next_cursor: null }>(
      `${path}&cursor=${page.body.next_cursor}`,
    );
    expect(next.body).toEqual({ items: [first.body], next_cursor: null });
  });

  it('shows nobody the bets of another', async () => {
    const event_id = await stand.offer();
    const { body } = await stand.bet({ event_id, sum_bet: 1 });
    const { bet_id } = body;
    // As if somebody else had placed it; the audit sees both wallets.
    const [row] = await stand.app.sql(`select owner_id from bet_maker.bet where bet_id = $1`, [
      bet_id,
    ]);
    expect(row).toEqual({ owner_id: 'anonymous' });
    const other = '019aa3a4-5b6c-7d8e-9f00-112233445566';
    expect((await stand.app.http.get(`/bets/${other}`)).status).toBe(404);
  });

  it('takes deposits and tells every entry of the wallet', async () => {
    const before = await stand.wallet();
    const deposit = await stand.app.http.post('/wallet/deposit', { amount: '5.00' });
    expect(deposit.status).toBe(201);
    expect((await stand.wallet()).cash).toBe(before.cash + 500n);
    const { body } = await stand.app.http.get<{ items: object[]; next_cursor: string }>(
      '/wallet/entries?limit=1',
    );
    expect(body.items).toMatchObject([{ account: 'cash', amount: '5.00', reason: 'deposit' }]);
    const next = await stand.app.http.get<{ items: object[] }>(
      `/wallet/entries?limit=2&cursor=${body.next_cursor}`,
    );
    expect(next.body.items).toHaveLength(2);
    const refused = await stand.app.http.post('/wallet/deposit', { amount: '0' });
    expect(problemIn(refused)).toMatchObject({ status: 422, errors: [{ field: 'amount' }] });
  });

  it('does not let anybody change an entry of the ledger', async () => {
    for (const change of [
      'update bet_maker.transfer set amount = 1',
      'delete from bet_maker.transfer',
    ]) {
      await expect(stand.app.sql(change)).rejects.toThrow('cannot be changed');
    }
  });

  it('draws the exposure of an event', async () => {
    const event_id = await stand.offer({ ratio: '3.000' });
    await stand.bet([
      { event_id, sum_bet: 10 },
      { event_id, sum_bet: 20 },
    ]);
    const { status, headers, body } = await stand.app.http.get<string>(
      `/events/${event_id}/exposure.svg`,
    );
    expect([status, headers.get('content-type')]).toEqual([200, 'image/svg+xml; charset=utf-8']);
    expect(body).toContain('2 bets · staked 30.00 · liability 60.00 · paid 0.00');
    expect((await stand.app.http.get('/events/unknown/exposure.svg')).status).toBe(404);
  });
});
