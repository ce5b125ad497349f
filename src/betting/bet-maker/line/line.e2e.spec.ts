import { randomUUID } from 'node:crypto';
import { bootApp } from '../../../../test/support/app.js';
import { BettingStand } from '../../../../test/support/betting.js';
import { problemIn } from '../../../../test/support/http-client.js';
import { PlayedLine } from '../../../../test/support/played-line.js';
import type { BrokerMessage } from '../../../kernel/messaging/broker.js';

describe('the picture of the line', () => {
  let stand: BettingStand | undefined;
  afterEach(async () => {
    await stand?.stop();
    stand = undefined;
  });

  it('is asked for over the broker by who has never heard of any event', async () => {
    const app = await bootApp({ env: { MODULES: 'bet-maker', ROLES: 'api,relay' } });
    const line = await new PlayedLine(app.broker).listen();
    line.note('e-1', { ratio: '1.500' });
    const { body } = await app.http.get('/events');
    expect(body).toMatchObject({ items: [{ event_id: 'e-1', ratio: '1.500' }] });
    expect((await app.http.post('/bet', { event_id: 'e-1', sum_bet: 1 })).status).toBe(201);
    await line.stop();
  });

  it('is suspended by silence, and trusted again after a snapshot', async () => {
    stand = await BettingStand.boot({ env: { BETS_LINE_SILENCE_MS: '1000' } });
    const { app, line } = stand;
    const event_id = await stand.offer();
    await line.stop(); // no more answers to snapshots either
    const refused = await app.until(async () => {
      const answer = await stand!.bet({ event_id, sum_bet: 1 });
      return answer.status === 201 ? undefined : answer;
    });
    expect(problemIn(refused)).toMatchObject({ status: 503, type: '/problems/line-is-silent' });
    expect(refused.headers.get('retry-after')).toBe('5');
    const missed = line.note(event_id, { ratio: '1.300' });
    await line.beat();
    await app.settle();
    expect((await stand.bet({ event_id, sum_bet: 1 })).status).toBe(503);
    await line.listen();
    const bet = await app.until(async () => {
      await line.beat();
      const answer = await stand!.bet({ event_id, sum_bet: 1 });
      return answer.status === 201 ? answer.body : undefined;
    });
    expect(bet).toMatchObject({ odds: '1.300', event_version: missed.version });
  });

  it('begins anew with another incarnation: lower versions count, and what is gone takes no bets', async () => {
    stand = await BettingStand.boot();
    const [kept, gone] = [await stand.offer(), await stand.offer()];
    await stand.line.change(kept, { ratio: '1.700' });
    stand.line.incarnation = randomUUID();
    stand.line.events.clear();
    stand.line.note(kept, { ratio: '1.100' });
    await stand.app.until(async () => {
      await stand!.line.beat();
      const rows = await stand!.app.sql(
        `select from bet_maker.event where event_id = $1 and ratio = 1100`,
        [kept],
      );
      return rows.length === 1;
    });
    await stand.app.until(
      async () => (await stand!.bet({ event_id: gone, sum_bet: 1 })).status === 409,
    );
  });

  it('goes on behind messages that cannot be read, which are dead letters', async () => {
    stand = await BettingStand.boot();
    const event_id = await stand.offer();
    const poison = { ...stand.line.events.get(event_id), version: 2, ratio: '0.500' };
    await stand.line.publish('line-provider.event-changed.v1', poison, event_id);
    const { version } = await stand.line.change(event_id, { ratio: '2.300' });
    await stand.known(event_id, version);
    const letters = stand.app.deadLetters('bet-maker-line');
    const id = await stand.app.until(async () => (await letters.ids())[0]);
    expect((await letters.withId(id)).reason).toContain('ratio');
  });

  it('ends up the same when every message comes ten times, shuffled, and a fifth is lost', async () => {
    const calm = await play((messages) => messages);
    let seed = 17;
    const chance = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    const disturbed = await play((messages) =>
      messages
        .filter(() => chance() > 0.2)
        .flatMap((message) => Array.from({ length: 10 }, () => message))
        .map((message) => ({ message, place: chance() }))
        .sort((one, other) => one.place - other.place)
        .map(({ message }) => message),
    );
    expect(disturbed).toEqual(calm);
  }, 90_000);

  /** Bets on five events whose odds change, that end, and whose results are corrected; answers what is left of it. */
  async function play(disturb: (messages: BrokerMessage[]) => readonly BrokerMessage[]) {
    stand = await BettingStand.boot();
    const { app, line } = stand;
    const ids = [];
    for (let index = 0; index < 5; index += 1) {
      const event_id = await stand.offer({ ratio: '2.500' });
      await stand.bet([
        { event_id, sum_bet: 10 },
        { event_id, sum_bet: '3.33' },
      ]);
      ids.push(event_id);
    }
    const messages: BrokerMessage[] = [];
    line.disturb = (message) => {
      messages.push(message);
      return [];
    };
    for (const [index, id] of ids.entries()) {
      for (const ratio of ['2.600', '2.700', '2.800']) await line.change(id, { ratio });
      await line.change(id, { status: 'suspended' });
      await line.change(id, { status: 'closed' });
      if (index > 0) await line.result(id, index % 2 === 0 ? 'lost' : 'won');
      if (index > 2) await line.result(id, 'won', { dead_heat: '0.500' });
    }
    await app.broker.publish(disturb(messages));
    line.disturb = (message) => [message];
    const state = () =>
      app.sql(
        `select event_id, event.version, ratio, event.status, bet.status as bet, bet.stake, bet.payout, bet.settlement
         from bet_maker.event join bet_maker.bet using (event_id) order by event_id, stake`,
      );
    await app.until(
      async () => {
        await line.beat();
        const rows = await app.sql(
          `select from bet_maker.event left join bet_maker.bet using (event_id)
           where version < $1 or (event.status = 'resulted' and bet.settlement < event.settlement)`,
          [6],
        );
        const [feed] = await app.sql<{ floor: string }>(`select floor from bet_maker.feed`);
        return rows.length === 0 && feed?.floor === line.events.get('e-5')?.feed_version;
      },
      { withinMs: 30_000 },
    );
    await app.settle();
    expect(await stand.problems()).toEqual([]);
    const result = { state: await state(), wallet: await stand.wallet() };
    await stand.stop();
    stand = undefined;
    return result;
  }
});
