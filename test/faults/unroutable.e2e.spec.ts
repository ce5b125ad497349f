import { connect } from 'amqplib';
import { Chance } from './chance.js';
import { expectExactlyOnce, judge } from './exactly-once.js';
import { eventually } from '../support/until.js';
import { FaultStand } from './fault-stand.js';

const PARKED = `select count(*)::int as parked, (select count(*)::int from kernel.outbox) as waiting,
  (count(*) filter (where error like '%unroutable%'))::int as unroutable from kernel.parked_message`;

describe('a message that no queue takes', () => {
  it('is kept aside where operators see it, and delivered once there is a queue', async () => {
    const stand = await FaultStand.start({ parts: ['api', 'relay'] });
    await deleteQueues(stand.amqpUrl, ['task-runs.default', 'task-runs.default.high']);
    const load = stand.load({ total: 20, chance: new Chance(), working: 0 });
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
});

async function deleteQueues(amqpUrl: string, names: readonly string[]): Promise<void> {
  const connection = await connect(amqpUrl);
  try {
    const channel = await connection.createChannel();
    for (const name of names) await channel.deleteQueue(name);
  } finally {
    await connection.close();
  }
}
