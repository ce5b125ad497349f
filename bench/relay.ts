/**
 * A full outbox goes to RabbitMQ: from the commit of its rows until each is confirmed and deleted. `relay:snapshot`
 * does it again and again while a reader holds a snapshot, because of which no deleted row can be cleaned away.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Channel, connect } from 'amqplib';
import type { Client } from 'pg';
import { type Bench, type Result, run, variant } from './support/bench.ts';
import { declareQueue } from './support/events.ts';
import { rounded } from './support/percentiles.ts';
import { connectTo, numberSetting } from './support/services.ts';
import { until } from './support/until.ts';

const KEYS = 1_000;

interface Kind {
  readonly exchange: string;
  readonly routingKey: string;
  readonly headers: string;
}

const TRACE = `"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","x-correlation-id":"0af7651916cd43dd8448eb211c80319c"`;

/** As the program writes them; a command is published `mandatory`, an event is not. */
const KINDS = {
  events: {
    exchange: 'millrace.events',
    routingKey: 'bench.event-relayed.v1',
    headers: `{${TRACE},"cloudEvents:specversion":"1.0","cloudEvents:type":"bench.event-relayed.v1","cloudEvents:source":"/millrace/bench","cloudEvents:time":"2026-01-01T00:00:00.000Z"}`,
  },
  commands: {
    exchange: 'millrace.commands',
    routingKey: 'bench-commands',
    headers: `{${TRACE},"x-route":"run"}`,
  },
} satisfies Record<string, Kind>;

await run(async (bench) => {
  const connection = await connect(bench.amqpUrl);
  const database = await connectTo(bench.databaseUrl);
  try {
    const channel = await connection.createChannel();
    await bench.start({ name: 'relay', roles: 'relay' });
    await allShardsOwned(database);
    const stage = { bench, database, channel };
    return await (variant === 'snapshot' ? besideASnapshot(stage) : undisturbed(stage));
  } finally {
    await database.end();
    await connection.close();
  }
});

interface Stage {
  readonly bench: Bench;
  readonly database: Client;
  readonly channel: Channel;
}

async function undisturbed(stage: Stage): Promise<Result> {
  const messages = numberSetting('BENCH_MESSAGES', 200_000);
  stage.bench.startClock();
  const events = await relayed(stage, KINDS.events, messages);
  const commands = await relayed(stage, KINDS.commands, messages);
  stage.bench.stopClock();
  return {
    value: rounded(events),
    unit: 'messages/s',
    items: 2 * messages,
    figures: { 'commands/s': rounded(commands), messages, keys: KEYS },
  };
}

/** The slowest round while the snapshot is held, in percent of the median of the rounds before. */
async function besideASnapshot(stage: Stage): Promise<Result> {
  const messages = numberSetting('BENCH_MESSAGES', 50_000);
  const seconds = numberSetting('BENCH_SECONDS', 120);
  const reader = await connectTo(stage.bench.databaseUrl);
  try {
    await publishedPerSecond(stage, KINDS.events, messages); // the first one warms up
    const alone = [];
    while (alone.length < 5) alone.push(await publishedPerSecond(stage, KINDS.events, messages));
    await reader.query('begin isolation level repeatable read; select count(*) from kernel.relay');
    const beside = [];
    const until = performance.now() + seconds * 1_000;
    while (performance.now() < until)
      beside.push(await publishedPerSecond(stage, KINDS.events, messages));
    const median = alone.toSorted((a, b) => a - b)[2] ?? Number.NaN;
    return {
      value: rounded((100 * Math.min(...beside)) / median, 1),
      unit: '% of the rate without the reader',
      figures: {
        'messages/s without': rounded(median),
        'messages/s, slowest round with': rounded(Math.min(...beside)),
        'messages/s, last round with': rounded(beside.at(-1) ?? Number.NaN),
        'rounds with': beside.length,
        messages,
        'snapshot held, seconds': seconds,
      },
    };
  } finally {
    await reader.end();
  }
}

/** From the commit until the broker has them all. Deleted rows that stay make it costly to ask whether any are left. */
async function publishedPerSecond({ database, channel }: Stage, kind: Kind, messages: number) {
  const queue = `bench.${kind.routingKey}`;
  await declareQueue(channel, queue, kind);
  await fillOutbox(database, kind, messages);
  const since = performance.now();
  await until(async () => (await channel.checkQueue(queue)).messageCount >= messages, 20);
  const seconds = (performance.now() - since) / 1_000;
  await channel.purgeQueue(queue);
  return messages / seconds;
}

/** Messages per second. The queue has no consumer: what is measured is the way into it. */
async function relayed({ database, channel }: Stage, kind: Kind, messages: number) {
  const queue = `bench.${kind.routingKey}`;
  await declareQueue(channel, queue, kind);
  await fillOutbox(database, kind, messages);
  const since = performance.now();
  // The broker is asked first, because counting rows that are being deleted would slow Postgres down.
  await until(async () => (await channel.checkQueue(queue)).messageCount >= messages, 50);
  await until(() => isEmpty(database), 10);
  const seconds = (performance.now() - since) / 1_000;
  await delay(6_000); // RabbitMQ counts a quorum queue every five seconds, and a doubled message must show
  const { messageCount } = await channel.checkQueue(queue);
  if (messageCount !== messages)
    throw new Error(`${messageCount} messages arrived instead of ${messages}`);
  await channel.purgeQueue(queue);
  return messages / seconds;
}

async function fillOutbox(database: Client, kind: Kind, messages: number): Promise<void> {
  await database.query(
    `insert into kernel.outbox (shard, id, key, exchange, routing_key, headers, payload)
     select ('x' || left(md5(key), 8))::bit(32)::int & 63, gen_random_uuid(), key, $1, $2, $3,
            '{"task_id":"' || gen_random_uuid() || '","kind":"noop","priority":0}'
     from (select 'key-' || n % $5 as key from generate_series(1, $4::int) as n) as message`,
    [kind.exchange, kind.routingKey, kind.headers, messages, KEYS],
  );
}

/** So that the relay's start is not part of the measurement. */
async function allShardsOwned(database: Client): Promise<void> {
  await until(async () => {
    const { rowCount } = await database.query(
      'select 1 from kernel.outbox_shard where owner is null',
    );
    return rowCount === 0;
  }, 50);
}

async function isEmpty(database: Client): Promise<boolean> {
  const { rowCount } = await database.query(
    `select 1 from kernel.outbox_shard as place
     where exists (select 1 from kernel.outbox where outbox.shard = place.shard) limit 1`,
  );
  return rowCount === 0;
}
