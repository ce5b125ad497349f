/**
 * Four relays divide an outbox between them while writers append to 1,000 keys: each key's messages must arrive in the
 * order of their commits, also when a relay leaves and another one comes. What arrives out of order fails the run.
 */
import { connect } from 'amqplib';
import { type Bench, run } from './support/bench.ts';
import { declareQueue } from './support/events.ts';
import { rounded } from './support/percentiles.ts';
import { connectTo, numberSetting } from './support/services.ts';
import { until } from './support/until.ts';

const RELAYS = 4;
const WRITERS = 4;
const KEYS = 1_000;
/** Messages of one commit, each of another key. */
const PER_COMMIT = 50;
/** So many may be on their way: more would only measure a queue that grows. */
const WINDOW = 20_000;
const ROUTING_KEY = 'bench.event-ordered.v1';
const PREFETCH = 4_000;

/** Counts what arrives per key: a number that leaves a gap came too early, one below the last came late or twice. */
class OrderChecker {
  arrived = 0;
  late = 0;
  gaps = 0;
  readonly #last = new Map<string, number>();

  take({ key, n }: { key: string; n: number }): void {
    const last = this.#last.get(key) ?? 0;
    if (n <= last) {
      this.late += 1;
      return;
    }
    this.arrived += 1;
    if (n !== last + 1) this.gaps += 1;
    this.#last.set(key, n);
  }
}

await run(async (bench) => {
  const seconds = numberSetting('BENCH_SECONDS', 20);
  const checker = new OrderChecker();
  const consumer = await consume(bench.amqpUrl, checker);
  try {
    const names = Array.from({ length: RELAYS }, (_, index) => `relay-${index + 1}`);
    const relays = await Promise.all(names.map((name) => bench.start({ name, roles: 'relay' })));
    bench.startClock();
    const since = performance.now();
    const writing = Promise.all(
      Array.from({ length: WRITERS }, (_, index) => write(bench, index, checker, seconds)),
    );
    await until(async () => performance.now() - since > seconds * 500, 50);
    await bench.leave(relays[0]); // its shards go to the others, and some of them to the next one
    await bench.start({ name: 'relay-5', roles: 'relay' });
    const appended = (await writing).reduce((sum, count) => sum + count, 0);
    await until(async () => checker.arrived + checker.late >= appended, 20);
    const elapsed = (performance.now() - since) / 1_000;
    bench.stopClock();
    const { arrived, late, gaps } = checker;
    if (gaps > 0) throw new Error(`${gaps} of ${arrived + late} messages were out of order`);
    return {
      value: rounded(arrived / elapsed),
      unit: 'messages/s',
      items: arrived,
      figures: { messages: arrived, keys: KEYS, relays: RELAYS, twice: late, 'out of order': gaps },
    };
  } finally {
    await consumer.close();
  }
});

async function consume(amqpUrl: string, checker: OrderChecker) {
  const connection = await connect(amqpUrl);
  const channel = await connection.createChannel();
  const queue = `bench.${ROUTING_KEY}`;
  await declareQueue(channel, queue, { exchange: 'millrace.events', routingKey: ROUTING_KEY });
  await channel.prefetch(PREFETCH);
  let unacknowledged = 0;
  await channel.consume(queue, (message) => {
    if (!message) throw new Error(`The queue ${queue} was deleted`);
    checker.take(JSON.parse(message.content.toString()) as { key: string; n: number });
    unacknowledged += 1;
    if (unacknowledged < PREFETCH / 8) return;
    channel.ack(message, true);
    unacknowledged = 0;
  });
  return connection;
}

/** Appends as the program does, to keys of its own, one transaction after the other. Returns how many messages. */
async function write(
  { databaseUrl }: Bench,
  writer: number,
  checker: OrderChecker,
  seconds: number,
): Promise<number> {
  const client = await connectTo(databaseUrl);
  const keys = Array.from({ length: KEYS / WRITERS }, (_, index) => `key-${writer}-${index}`);
  const deadline = performance.now() + seconds * 1_000;
  let appended = 0;
  while (performance.now() < deadline) {
    if (appended * WRITERS - checker.arrived > WINDOW) {
      await until(async () => appended * WRITERS - checker.arrived <= WINDOW, 5);
    }
    const from = appended % keys.length;
    const n = Math.floor(appended / keys.length) + 1;
    await client.query(
      `insert into kernel.outbox (shard, id, key, exchange, routing_key, headers, payload)
       select ('x' || left(md5(key), 8))::bit(32)::int & 63, gen_random_uuid(), key, 'millrace.events', $1, '{}',
              json_build_object('key', key, 'n', $3::int)::text
       from unnest($2::text[]) as key`,
      [ROUTING_KEY, keys.slice(from, from + PER_COMMIT), n],
    );
    appended += PER_COMMIT;
  }
  await client.end();
  return appended;
}
