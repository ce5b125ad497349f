import { type RabbitMqService, startRabbitMq } from '../support/services.js';
import { Chance } from './chance.js';
import { expectExactlyOnce, judge, tell, unheardOf } from './exactly-once.js';
import { eachMoment, FaultStand, PART_NAMES, type Part } from './fault-stand.js';

const TASKS = 10_000;
const RECOVERY_MS = 60_000;

describe('10,000 tasks in flight, and a kill -9 at any moment', () => {
  let rabbit: RabbitMqService;
  let stand: FaultStand;

  beforeAll(async () => {
    rabbit = await startRabbitMq();
  }, 120_000);
  afterAll(() => rabbit.dispose());

  beforeEach(async () => {
    stand = await FaultStand.start({ amqpUrl: rabbit.url });
  }, 60_000);

  const kill: Record<Part | 'rabbitmq' | 'rabbitmq and its disk', () => Promise<unknown>> = {
    worker: () => restarted('worker'),
    relay: () => restarted('relay'),
    api: () => restarted('api'),
    rabbitmq: async () => {
      await rabbit.kill();
      await rabbit.start();
    },
    'rabbitmq and its disk': async () => {
      await rabbit.wipe();
      await rabbit.start();
    },
  };

  async function restarted(part: Part): Promise<void> {
    await stand.app(part).kill();
    await stand.spawn(part);
  }

  it.each([...PART_NAMES, 'rabbitmq', 'rabbitmq and its disk'] as const)(
    'of the %s: each task ends exactly once, within a minute of the restart',
    async (victim) => {
      const chance = new Chance();
      const load = stand.load({ total: TASKS, chance });
      // Each task created counts, and each one ended; the API is killed while it creates.
      const ended = async () => (victim === 'api' ? 0 : stand.finished());
      const moment = chance.between(500, victim === 'api' ? TASKS - 1_000 : 2 * TASKS - 1_000);
      const loading = load.run();
      const passed = async () => load.confirmed.size + (await ended()) >= moment;
      await eachMoment(passed, 60_000, `moment ${moment}`);

      const endedBefore = await stand.finished();
      await kill[victim]();
      const restartedAt = performance.now();
      const left = () => RECOVERY_MS - (performance.now() - restartedAt);

      await eachMoment(() => load.confirmed.size >= TASKS, left(), 'all tasks confirmed');
      await loading;
      const since = () => (victim === 'rabbitmq and its disk' ? stand.events.boundAt : new Date(0));
      const heard = async () => (await unheardOf(stand, since())).length === 0;
      await stand.settled({ withinMs: left(), heard });

      const seconds = Math.round(performance.now() - restartedAt) / 1_000;
      const verdict = await judge(stand, load, since());
      tell(`kill -9 of the ${victim}`, verdict, {
        seed: chance.seed,
        'ended before the kill': endedBefore,
        'refused requests': load.refusals.length,
        'seconds after the restart': seconds,
      });
      await expectExactlyOnce(stand, verdict);
      expect(verdict.confirmed).toBeGreaterThanOrEqual(TASKS);
    },
    150_000,
  );
});
