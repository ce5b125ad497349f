import { manage } from '../support/services.js';
import { ChainStand } from './chain/chain-stand.js';
import { expectNothingLostNorDoubled } from './chain/verdict.js';
import { eachMoment } from './fault-stand.js';

/** How AMQP's methods begin on the wire: their class and number. */
const PUBLISH = Buffer.from([0, 60, 0, 40]);
const ACK = Buffer.from([0, 60, 0, 80]);
const CUTS = 3;
/** In which a dead line is found by the heartbeats that do not come. */
const HEARTBEATS_MS = 20_000;
const RECOVERY_MS = 30_000;

describe('The line to RabbitMQ', () => {
  let stand: ChainStand;

  beforeEach(async () => {
    stand = await ChainStand.start();
    await stand.spawn();
  });

  it.each([
    ['between publishing and the confirm', PUBLISH, 'answered'],
    ['while publishing', PUBLISH, 'before'],
    ['while acknowledging', ACK, 'before'],
  ] as const)('may be cut %s', async (when, mark, moment) => {
    const load = stand.load({ keys: 4, pauseMs: 10 });
    const loading = load.run();
    for (let cuts = 0; cuts < CUTS; cuts += 1) await stand.brokerLine.cutAt(mark, moment);
    load.stop();
    await loading;
    const verdict = await stand.finish(`line cut ${when}`, RECOVERY_MS);
    expectNothingLostNorDoubled(verdict);
    expect(verdict.duplicated).toBeGreaterThan(moment === 'answered' ? 0 : -1);
    expect(load.refusals).toEqual([]); // producers need only Postgres
  });

  it('may go silent with all connections open, which heartbeats find out', async () => {
    const load = stand.load({ keys: 4, pauseMs: 100 });
    const loading = load.run();
    await eachMoment(() => load.confirmed.size >= 100, 10_000, 'under way');
    stand.brokerLine.freeze();
    await Promise.all(
      ['publishing', 'consuming'].map((line) =>
        stand.app().said(new RegExp(`Lost the ${line} connection`), { withinMs: HEARTBEATS_MS }),
      ),
    );
    stand.brokerLine.thaw();
    load.stop();
    await loading;
    expectNothingLostNorDoubled(await stand.finish('line silent', RECOVERY_MS));
    expect(load.refusals).toEqual([]);
  }, 90_000);
});

describe('A queue that is deleted under its consumer', () => {
  it('is there again by itself, and what was sent to it meanwhile arrives', async () => {
    const stand = await ChainStand.start();
    await stand.spawn();
    await stand.load({ total: 50, to: 'second' }).run();
    await stand.settled(10_000);
    const vhost = encodeURIComponent(stand.vhost);
    await manage('DELETE', `queues/${vhost}/second`);
    await stand.load({ total: 200, to: 'second' }).run();
    expectNothingLostNorDoubled(await stand.finish('queue deleted', RECOVERY_MS));
  });
});
