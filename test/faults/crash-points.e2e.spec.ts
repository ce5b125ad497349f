import type { CrashPoint } from '../../src/kernel/crash-points.js';
import { ChainStand } from './chain/chain-stand.js';
import { expectNothingLostNorDoubled } from './chain/verdict.js';

const LINKS = 120;
/** What happens once per message, in the middle of the run; rounds and batches are fewer. */
const STEPS: readonly `${CrashPoint}:${number}`[] = [
  'outbox.after-append:8',
  'outbox.before-commit:8',
  'outbox.after-commit:8',
  'relay.after-read:5',
  'relay.after-publish:5',
  'relay.after-confirm:5',
  'relay.after-delete:5',
  'consumer.on-delivery:150',
  'consumer.after-inbox:100',
  'consumer.after-handler:100',
  'consumer.after-commit:100',
  'consumer.after-ack:100',
  'retry.after-publish:5',
  'dead-letter.after-publish:2',
];
/** Retries and dead letters are transactions there, with nothing between publishing and acknowledging. */
const STEPS_ON_POSTGRES = STEPS.filter((step) => /^(relay|consumer)/.test(step));

const stumblesOrDies = (n: number) =>
  n % 40 === 17 ? 'poison' : n % 8 === 3 ? 'stumbles' : undefined;
/** Retries take seconds, so only those steps wait for them. */
const faultOf = (step: string) => (/^(retry|dead)/.test(step) ? stumblesOrDies : () => undefined);

describe('a process that is killed', () => {
  it.each(STEPS)(
    'at %s loses and doubles nothing once it is started again',
    async (crashAt) => {
      const stand = await ChainStand.start();
      const app = await stand.spawn({ crashAt });
      const load = stand.load({ total: LINKS, faultOf: faultOf(crashAt) });
      const loading = load.run();
      await app.crashed();
      await stand.leasesEnd();
      await stand.spawn();
      await loading;
      const verdict = await stand.finish(`crash at ${crashAt}`, 20_000);
      expectNothingLostNorDoubled(verdict);
      expect(verdict.confirmed).toBe(LINKS);
    },
    60_000,
  );

  it('at step after step, with Postgres as the broker, loses and doubles nothing in the end', async () => {
    const stand = await ChainStand.start({ broker: 'postgres' });
    const load = stand.load({ total: LINKS * STEPS_ON_POSTGRES.length, keys: 4 });
    let loading: Promise<void> | undefined;
    for (const crashAt of STEPS_ON_POSTGRES) {
      const app = await stand.spawn({ crashAt });
      loading ??= load.run();
      await app.crashed({ withinMs: 30_000 });
      await stand.leasesEnd();
    }
    await stand.spawn();
    await loading;
    const verdict = await stand.finish('crashes on the Postgres broker', 60_000);
    expectNothingLostNorDoubled(verdict);
  }, 120_000);
});
