import { BettingStand } from '../../../../test/support/betting.js';
import { EventStream } from '../../../../test/support/event-stream.js';
import { testRedis } from '../../../../test/support/test-redis.js';
import type { Lease } from '../../../../test/support/services.js';

describe.each(['postgres', 'redis'] as const)('updates, woken and indexed by %s', (store) => {
  let stand: BettingStand;
  let redis: Lease | undefined;
  beforeAll(async () => {
    redis = store === 'redis' ? await testRedis() : undefined;
    stand = await BettingStand.boot({ env: redis ? { REDIS_URL: redis.url } : {} });
  });
  afterAll(async () => {
    await stand.stop();
    await redis?.release();
  });

  const listen = (lastEventId?: string) =>
    EventStream.open(`${stand.app.http.url}/me/updates`, lastEventId);

  it('reach who has bet on the event, and tell how the bet ended', async () => {
    const [event_id, other] = [await stand.offer(), await stand.offer()];
    const { body } = await stand.bet({ event_id, sum_bet: 1 });
    const stream = await listen();
    await stand.line.change(other, { ratio: '9.000' });
    await stand.line.change(event_id, { ratio: '2.200' });
    await stream.expect({
      event: 'event-changed',
      data: { event_id, ratio: '2.200' },
    });
    await stand.line.result(event_id, 'won');
    await stream.expect({
      event: 'bet-settled',
      data: { bet_id: body.bet_id, event_id, status: 'won', settlement: 1, payout: '2.00' },
    });
    expect(
      stream.events.filter(({ data }) => (data as { event_id: string }).event_id === other),
    ).toEqual([]);
    await stream.close();
  });

  it('are caught up with after the last one that was seen, each once and in order', async () => {
    const event_id = await stand.offer();
    await stand.bet({ event_id, sum_bet: 1 });
    const first = await listen();
    await stand.line.change(event_id, { ratio: '2.100' });
    const { id } = await first.expect({
      event: 'event-changed',
      data: { event_id },
    });
    await first.close();
    for (const ratio of ['2.200', '2.300', '2.400']) {
      const { version } = await stand.line.change(event_id, { ratio });
      await stand.known(event_id, version);
    }
    const second = await listen(id);
    await stand.line.change(event_id, { ratio: '2.500' });
    await second.expect({ data: { event_id, ratio: '2.500' } });
    const ratios = second.events.map(({ data }) => (data as { ratio: string }).ratio);
    expect(ratios).toEqual(['2.200', '2.300', '2.400', '2.500']);
    await second.close();
  });

  it('refuses an id that is none of its own', async () => {
    await expect(listen('yesterday')).rejects.toThrow('400');
  });
});
