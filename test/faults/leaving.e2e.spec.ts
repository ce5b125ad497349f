import { Balancer } from './balancer.js';
import { Chance } from './chance.js';
import { expectExactlyOnce, judge, tell, unheardOf } from './exactly-once.js';
import { eachMoment, FaultStand, type Part } from './fault-stand.js';
import type { Load } from './load.js';

const EXIT_MS = 30_000;
/** Less than the 15 s of a worker's lease: whoever settles in that time waited for none. */
const NO_LEASE_MS = 12_000;

describe('a process that leaves under load', () => {
  let stand: FaultStand;
  let load: Load;
  let chance: Chance;

  async function begin(env: Record<string, string>): Promise<void> {
    stand = await FaultStand.start({ env: { TASKS_CONCURRENCY: '128', ...env } });
    chance = new Chance();
  }

  const ended = (count: number) => async () => (await stand.finished()) >= count;
  const heard = async () => (await unheardOf(stand)).length === 0;

  /** Resolves when it has left in good order; answers how long that took. */
  async function terminated(name: Part): Promise<number> {
    const since = performance.now();
    await stand.app(name).stop();
    const took = performance.now() - since;
    expect(took).toBeLessThan(EXIT_MS);
    return Math.round(took);
  }

  async function finishAndJudge(run: string, withinMs: number, more: object): Promise<void> {
    await stand.settled({ withinMs, heard });
    const verdict = await judge(stand, load);
    tell(run, verdict, { seed: chance.seed, 'refused requests': load.refusals.length, ...more });
    await expectExactlyOnce(stand, verdict);
  }

  it('hands its tasks back or finishes them, when it is a worker', async () => {
    await begin({ SHUTDOWN_GRACE_MS: '2000' });
    load = stand.load({ total: 400, chance, workMs: [100, 5_000] });
    const loading = load.run();
    await eachMoment(ended(50), 30_000, 'under way');
    await eachMoment(async () => (await running()) >= 30, 30_000, 'at work');

    const exitMs = await terminated('worker');
    expect({ running: await running(), workers: await stand.count('tasks.worker') }).toEqual({
      running: 0,
      workers: 0,
    });
    await stand.spawn('worker');
    await loading;
    const waiting = () => stand.count(`tasks.task where status = 'new' and run_at <= now()`);
    await eachMoment(async () => (await waiting()) === 0, NO_LEASE_MS, 'started again');
    await finishAndJudge('SIGTERM of the worker', 40_000, { 'ms to the exit': exitMs });
    expect(await stand.count('tasks.task where crashes > 0')).toBe(0);
  }, 120_000);

  it('answers every request that it took, when it is one of two APIs behind a balancer', async () => {
    await begin({ SHUTDOWN_GRACE_MS: '10000' });
    await stand.spawn('api', 'second api');
    const balancer = new Balancer(stand, ['api', 'second api']);
    const total = 6_000;
    load = stand.load({ total, url: () => balancer.pick(), chance, working: 0.05 });
    const loading = load.run();
    await eachMoment(() => load.confirmed.size >= 500, 30_000, 'under way');

    const exitMs = await terminated('api');
    const confirmedThen = load.confirmed.size;
    await loading;
    await finishAndJudge('SIGTERM of an api', 40_000, { 'ms to the exit': exitMs });
    expect(confirmedThen).toBeLessThan(total); // it left under load
    // Nobody can keep a client from knocking at a door that was just closed; it goes to the next one.
    const reasons = load.refusals.map(({ why }) => why).filter((why) => why !== 'ECONNREFUSED');
    expect(reasons).toEqual([]);
  }, 120_000);

  it('has no say any more in what was given away, when it is a worker that was frozen', async () => {
    await begin({});
    const [frozen] = await stand.sql<{ id: string }>('select id from tasks.worker');
    await stand.spawn('worker', 'second worker');
    load = stand.load({ total: 300, chance, workMs: [1_000, 3_000] });
    await load.run();
    const held = `tasks.task where status = 'in_progress' and lease_owner = '${frozen!.id}'`;
    await eachMoment(async () => (await stand.count(held)) >= 10, 30_000, 'at work');

    stand.freeze('worker');
    const since = performance.now();
    const taken = await stand.count(held);
    await stand.settled({ withinMs: 60_000, heard }); // by the other worker
    const frozenMs = Math.round(performance.now() - since);
    stand.thaw('worker');
    await stand.app('worker').said(/silent too long/, { withinMs: 20_000 });
    await eachMoment(() => voidResults() >= taken, 20_000, `${taken} void results`);

    await stand.app('second worker').kill();
    const after = stand.load({ total: 50, chance, workMs: [10, 50] });
    await after.run(); // it works on, under a new name
    after.confirmed.forEach((id) => load.confirmed.add(id));
    const more = { 'ms frozen': frozenMs, 'void results': voidResults() };
    await finishAndJudge('SIGSTOP of a worker', 60_000, more);
    expect(await stand.count('tasks.task where crashes > 0')).toBe(taken);
  }, 180_000);

  const running = () => stand.count(`tasks.task where status = 'in_progress'`);
  const voidResults = () =>
    stand.app('worker').log.filter((line) => line.includes('its result is void')).length;
});
