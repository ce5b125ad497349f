import { eventually } from '../support/until.js';
import { ChainStand } from './chain/chain-stand.js';
import { expectNothingLostNorDoubled, type Verdict } from './chain/verdict.js';
import { eachMoment } from './fault-stand.js';

const CUTS = 8;
const FROZEN_MS = 10_000;
const READINESS_MS = 5_000;
const RECOVERY_MS = 30_000;
const COMMIT = '\0commit\0';

describe('The line to Postgres', () => {
  let stand: ChainStand;

  beforeEach(async () => {
    stand = await ChainStand.start();
    await stand.spawn();
  });

  it.each([
    ['at COMMIT, whose answer is lost', COMMIT, 'answered'],
    ['before COMMIT', COMMIT, 'before'],
    ['in the middle of transactions', 'insert into chain.effect', 'answered'],
  ] as const)('may be cut %s', async (when, mark, moment) => {
    const load = stand.load({ total: 200 * CUTS, keys: 4, perOrder: 40 });
    const loading = load.run();
    for (let cuts = 0; cuts < CUTS; cuts += 1) {
      const effects = async () => (await stand.count('chain.effect')) >= 300 * cuts;
      await eachMoment(effects, 20_000, `${String(cuts)} cuts`); // the first hit the producer, too
      await stand.databaseLine.cutAt(mark, moment);
    }
    await loading;
    expectUnharmed(await stand.finish(`Postgres cut ${when}`, RECOVERY_MS));
  });

  it('may break for all connections at once, again and again', async () => {
    const load = stand.load({ keys: 4, pauseMs: 20 });
    const loading = load.run();
    for (let cuts = 1; cuts <= CUTS; cuts += 1) {
      const wanted = load.confirmed.size + 20;
      await eachMoment(() => load.confirmed.size >= wanted, 15_000, `moment ${wanted}`);
      stand.databaseLine.cut();
    }
    load.stop();
    await loading;
    expectUnharmed(await stand.finish('Postgres cut off', RECOVERY_MS));
  });

  it('may go silent for ten seconds, which readiness tells', async () => {
    const load = stand.load({ keys: 4, pauseMs: 20 });
    const loading = load.run();
    await eachMoment(() => load.confirmed.size >= 100, 10_000, 'under way');
    const since = performance.now();
    stand.databaseLine.freeze();
    await readinessBecomes(503, READINESS_MS);
    await eachMoment(() => performance.now() - since >= FROZEN_MS, FROZEN_MS, 'ten seconds');
    expect(await readiness()).toBe(503);
    stand.databaseLine.thaw();
    await readinessBecomes(200, READINESS_MS);
    load.stop();
    await loading;
    expectUnharmed(await stand.finish('Postgres silent', RECOVERY_MS));
  }, 60_000);

  /** No message is to blame for its database. */
  function expectUnharmed(verdict: Verdict): void {
    expectNothingLostNorDoubled(verdict);
    expect(verdict.dead).toBe(0);
  }

  const readiness = () => stand.app().readiness();
  const readinessBecomes = (status: number, withinMs: number) =>
    eventually(async () => expect(await readiness()).toBe(status), { withinMs });
});
