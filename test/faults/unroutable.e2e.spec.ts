import { connect } from 'amqplib';
import { Chance } from './chance.js';
import { expectExactlyOnce, judge } from './exactly-once.js';
import { eventually } from '../support/until.js';
import { FaultStand } from './fault-stand.js';

/** Tasks share messages, so what counts is how many tasks the parked ones ask for. */
const PARKED = `select coalesce(sum(json_array_length(payload::json -> 'tasks')), 0)::int as tasks,
  count(*)::int as messages, (count(*) filter (where error like '%unroutable%'))::int as unroutable,
  (select count(*)::int from kernel.outbox) as waiting from kernel.parked_message`;

interface Parked {
  readonly tasks: number;
  readonly messages: number;
  readonly unroutable: number;
  readonly waiting: number;
}

describe('a message that no queue takes', () => {
  it('is kept aside where operators see it, and delivered once there is a queue', async () => {
    const stand = await FaultStand.start({ parts: ['api', 'relay'] });
    await deleteQueues(stand.amqpUrl, ['task-runs.default', 'task-runs.default.high']);
    const load = stand.load({ total: 20, chance: new Chance(), working: 0 });
    await load.run();
    let messages = 0;
    await eventually(async () => {
      const [parked] = await stand.sql<Parked>(PARKED);
      messages = parked?.messages ?? 0;
      expect(parked).toEqual({ tasks: 20, messages, unroutable: messages, waiting: 0 });
    });
    const metrics = (await stand.app('relay').http.get<string>('/metrics')).body;
    expect(metrics).toMatch(
      new RegExp(`outbox_parked_messages(\\{.*\\})? ${String(messages)}$`, 'm'),
    );
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
