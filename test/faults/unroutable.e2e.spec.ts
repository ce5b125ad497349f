import { connect } from 'amqplib';
import { type Lease, testDatabase, testVhost } from '../support/services.js';
import { Chance } from './chance.js';
import { expectExactlyOnce, judge } from './exactly-once.js';
import { eventually } from '../support/until.js';
import { FaultStand } from './fault-stand.js';
import { Load } from './load.js';

const PARKED = `select count(*)::int as parked, (select count(*)::int from kernel.outbox) as waiting,
  (count(*) filter (where error like '%unroutable%'))::int as unroutable from kernel.parked_message`;

describe('a message that no queue takes', () => {
  let database: Lease;
  let vhost: Lease;
  let stand: FaultStand;

  beforeAll(async () => {
    [database, vhost] = await Promise.all([testDatabase(), testVhost()]);
    const ground = { databaseUrl: database.url, amqpUrl: vhost.url };
    stand = await FaultStand.start(ground, { parts: ['api', 'relay'] });
  }, 60_000);
  afterAll(async () => {
    await stand.end();
    await Promise.all([database.release(), vhost.release()]);
  });

  it('is kept aside where operators see it, and delivered once there is a queue', async () => {
    await deleteQueue('task-runs.default');
    await deleteQueue('task-runs.default.high');
    const load = new Load({ total: 20, url: () => stand.url, chance: new Chance(), working: 0 });
    await load.run();
    await eventually(async () => {
      const [parked] = await stand.sql(PARKED);
      expect(parked).toEqual({ parked: 20, waiting: 0, unroutable: 20 });
    });
    const metrics = (await stand.app('relay').http.get<string>('/metrics')).body;
    expect(metrics).toMatch(/outbox_parked_messages(\{.*\})? 20$/m);
    expect(metrics).toMatch(/outbox_refused_total(\{.*\})? [1-9]/m);

    await stand.spawn('worker'); // declares what it serves
    await stand.settled({ withinMs: 40_000 });
    await expectExactlyOnce(stand, await judge(stand, load, new Date()));
  }, 90_000);

  async function deleteQueue(name: string): Promise<void> {
    const connection = await connect(vhost.url);
    try {
      const channel = await connection.createChannel();
      await channel.deleteQueue(name);
    } finally {
      await connection.close();
    }
  }
});
