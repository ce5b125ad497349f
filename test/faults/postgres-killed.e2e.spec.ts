import { migrate } from '../../src/migrate.js';
import { type Service, startPostgres } from '../support/services.js';
import { Chance } from './chance.js';
import { expectExactlyOnce, judge, tell, unheardOf } from './exactly-once.js';
import { eachMoment, FaultStand, PART_NAMES } from './fault-stand.js';

const TASKS = 2_000;
const READINESS_MS = 5_000;
const RECOVERY_MS = 60_000;

describe('Postgres ended by kill -9 under load', () => {
  let postgres: Service;
  let stand: FaultStand;

  beforeAll(async () => {
    postgres = await startPostgres();
    await migrate(postgres.url);
  }, 90_000);
  afterAll(() => postgres.dispose());

  it('is told by readiness, survived by every process, and loses and doubles nothing', async () => {
    stand = await FaultStand.start({ databaseUrl: postgres.url });
    const chance = new Chance();
    const load = stand.load({ total: TASKS, chance });
    const moment = chance.between(200, TASKS - 200);
    const pids = PART_NAMES.map((name) => stand.app(name).pid);
    const loading = load.run();
    await eachMoment(() => load.confirmed.size >= moment, 30_000, `moment ${moment}`);

    await postgres.kill();
    await readinessBecomes(503, READINESS_MS);
    await postgres.start();
    const restartedAt = performance.now();
    await readinessBecomes(200, RECOVERY_MS);
    const left = () => RECOVERY_MS - (performance.now() - restartedAt);
    await eachMoment(() => load.confirmed.size >= TASKS, left(), 'all tasks confirmed');
    await loading;
    const heard = async () => (await unheardOf(stand)).length === 0;
    await stand.settled({ withinMs: left(), heard });

    const verdict = await judge(stand, load);
    const seconds = Math.round(performance.now() - restartedAt) / 1_000;
    tell('kill -9 of Postgres', verdict, {
      seed: chance.seed,
      'refused requests': load.refusals.length,
      'seconds after the restart': seconds,
    });
    await expectExactlyOnce(stand, verdict);
    // Callers hear that it is not their fault, and when to come back.
    expect(new Set(load.refusals.map(({ why }) => why))).toEqual(new Set(['503']));
    expect(PART_NAMES.map((name) => stand.app(name).pid)).toEqual(pids);
    expect(PART_NAMES.map((name) => stand.app(name).isRunning)).toEqual([true, true, true]);
  }, 120_000);

  async function readinessBecomes(status: number, withinMs: number): Promise<void> {
    await Promise.all(
      PART_NAMES.map((name) => {
        const ready = async () => (await stand.app(name).readiness()) === status;
        return eachMoment(ready, withinMs, `readiness ${status} of the ${name}`);
      }),
    );
  }
});
