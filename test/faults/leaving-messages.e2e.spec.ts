import { ChainStand } from './chain/chain-stand.js';
import { expectNothingLostNorDoubled } from './chain/verdict.js';
import { eachMoment } from './fault-stand.js';

const EXIT_MS = 30_000;

describe('A process that is told to end under a load of messages', () => {
  it('loses none, has none handled twice, and exits with 0', async () => {
    const stand = await ChainStand.start();
    await Promise.all([stand.spawn({ as: 'leaving' }), stand.spawn({ as: 'staying' })]);
    const load = stand.load({ url: () => stand.app('staying').http.url });
    const loading = load.run();
    await eachMoment(() => load.confirmed.size >= 1_000, 20_000, 'under way');
    const effects = await stand.count('chain.effect');

    const since = performance.now();
    await stand.app('leaving').stop(); // fails unless it exits with 0
    const exitMs = Math.round(performance.now() - since);
    const meanwhile = (await stand.count('chain.effect')) - effects;
    load.stop();
    await loading;
    const verdict = await stand.finish('SIGTERM', EXIT_MS, { 'ms to the exit': exitMs, meanwhile });
    expectNothingLostNorDoubled(verdict);
    expect({ repeated: verdict.repeated, dead: verdict.dead }).toEqual({ repeated: 0, dead: 0 });
    expect(exitMs).toBeLessThan(EXIT_MS);
    expect(meanwhile).toBeGreaterThan(0); // it left under load
    expect(load.refusals).toEqual([]);
  }, 90_000);
});
