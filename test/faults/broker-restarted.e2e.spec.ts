import { type RabbitMqService, startRabbitMq } from '../support/services.js';
import { ChainStand } from './chain/chain-stand.js';
import { expectNothingLostNorDoubled } from './chain/verdict.js';
import { eachMoment } from './fault-stand.js';
import { openOn } from './open-on.js';

/** Set for a soak; two kills are enough to see what breaks at once. */
const SECONDS = Number(process.env['FAULTS_SECONDS'] ?? 0);
const LEAST_KILLS = 2;
const RECOVERY_MS = 30_000;
/** The program and the test itself. */
const CLIENTS = 2;
const MOST_MORE_BYTES = 200 * 1024 * 1024;
const GRADUAL = { keys: 4, pauseMs: 100 };

describe('RabbitMQ', () => {
  let rabbit: RabbitMqService;
  let stand: ChainStand;

  beforeAll(async () => {
    rabbit = await startRabbitMq();
  }, 120_000);
  afterAll(() => rabbit.dispose());

  it(
    'may be killed every few seconds under load: nothing is lost, doubled, or left open',
    async () => {
      stand = await ChainStand.start({ amqpUrl: rabbit.url });
      await stand.spawn();
      await stand.load({ total: 50 }).run();
      await stand.settled(20_000);
      const before = await openOn(rabbit, CLIENTS);

      const load = stand.load(GRADUAL);
      const loading = load.run();
      const since = performance.now();
      for (let kills = 0; kills < LEAST_KILLS || seconds(since) < SECONDS; kills += 1) {
        const wanted = load.confirmed.size + 200;
        await eachMoment(() => load.confirmed.size >= wanted, 30_000, `${String(wanted)} links`);
        await rabbit.kill();
        await rabbit.start();
      }
      load.stop();
      await loading;
      await stand.settled(RECOVERY_MS);
      expect(await openOn(rabbit, CLIENTS)).toEqual(before);
      const verdict = await stand.finish('RabbitMQ killed again and again', RECOVERY_MS, before);
      expectNothingLostNorDoubled(verdict);
      expect({ dead: verdict.dead, refusals: load.refusals }).toEqual({ dead: 0, refusals: [] });
    },
    150_000 + SECONDS * 1_000,
  );

  it('may block publishers for lack of memory: consumers go on, the outbox waits and then leaves', async () => {
    stand = await ChainStand.start({ amqpUrl: rabbit.url });
    await stand.spawn({ as: 'producer', roles: ['api', 'relay', 'scheduler'] });
    const load = stand.load({
      total: 2_000,
      perOrder: 50,
      url: () => stand.app('producer').http.url,
    });
    await load.run();
    await eachMoment(async () => (await waiting('outbox')) === 0, 10_000, 'published');
    await rabbit.ctl('set_vm_memory_high_watermark', '0.00001');
    const more = stand.load({
      total: 2_000,
      perOrder: 50,
      url: () => stand.app('producer').http.url,
    });
    await more.run(); // needs Postgres only
    const before = await residentBytes();

    await stand.spawn({ as: 'worker', roles: ['worker'] });
    const isWorkedOff = async () => (await first()) >= 2_000;
    await eachMoment(isWorkedOff, 20_000, 'the queue is worked off');
    await eachMoment(async () => (await stand.broker.depth('first')) === 0, 5_000, 'all taken');
    expect(await first()).toBeLessThan(2_500); // a few got in before the alarm was heard
    expect(await waiting('outbox')).toBeGreaterThan(3_000); // events, and most of the second half
    expect((await residentBytes()) - before).toBeLessThan(MOST_MORE_BYTES);

    await rabbit.ctl('set_vm_memory_high_watermark', '0.6');
    const verdict = await stand.finish('RabbitMQ blocked', RECOVERY_MS);
    expectNothingLostNorDoubled(verdict);
    expect({ dead: verdict.dead, repeated: verdict.repeated }).toEqual({ dead: 0, repeated: 0 });
  }, 120_000);

  const first = () => stand.count(`chain.effect where scope = 'first'`);
  const waiting = (table: 'outbox') => stand.count(`kernel.${table}`);
  const residentBytes = async () => {
    const { body } = await stand.app('producer').http.get<string>('/metrics');
    return Number(/^process_resident_memory_bytes(?:\{.*\})? (\d+)/m.exec(body)?.[1]);
  };
});

function seconds(since: number): number {
  return (performance.now() - since) / 1_000;
}
