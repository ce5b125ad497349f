/**
 * A queue full of messages is handled: decode, route, validate, inbox, transaction, settle. One message and one transaction
 * after the other, as many at once as the prefetch allows, or `messages:batch` up to 500 of them in one.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { type ConfirmChannel, connect } from 'amqplib';
import { query } from '../scripts/services/postgres.ts';
import { type Bench, type Result, run, variant } from './support/bench.ts';
import { percentiles, rounded } from './support/percentiles.ts';
import type { Program } from './support/program.ts';
import { numberSetting } from './support/services.ts';
import { until } from './support/until.ts';

const file = join(import.meta.dirname, 'support/messages-program.ts');
const WARM_UP_SHARE = 0.15;
const WINDOW = 1_000;

await run((bench) => (variant === 'latency' ? latency(bench) : throughput(bench)));

async function throughput(bench: Bench): Promise<Result> {
  const scope = variant === 'batch' ? 'bench-many' : 'bench-one';
  const messages = numberSetting('BENCH_MESSAGES', variant === 'batch' ? 300_000 : 100_000);
  await declareQueues(bench);
  await fill(bench, scope, messages);
  const roles = 'worker';
  const worker = await bench.start({ name: 'worker', roles, ordered: true, file });
  const isPast = (count: number) => async () => (await worker.ask({ do: 'handled' })) >= count;
  await until(isPast(messages * WARM_UP_SHARE), 5);
  const first = await handledNow(worker);
  bench.startClock();
  await until(isPast(messages), 10);
  bench.stopClock();
  const seconds = (performance.now() - first.at) / 1_000;
  await verify(bench, messages);
  return {
    value: rounded((messages - first.count) / seconds),
    unit: 'messages/s',
    items: messages - first.count,
    figures: { messages, seconds: rounded(seconds, 1) },
  };
}

async function latency(bench: Bench): Promise<Result> {
  const perSecond = numberSetting('BENCH_RATE', 100);
  const seconds = numberSetting('BENCH_SECONDS', 20);
  const roles = 'worker,relay';
  const program = await bench.start({ name: 'all-roles', roles, ordered: true, file });
  await program.ask({ do: 'lateness', perSecond, seconds: 3 });
  const { p50, p99, max } = percentiles(await program.ask({ do: 'lateness', perSecond, seconds }));
  return {
    value: p50,
    unit: 'ms from appending to the handler, commit included, p50',
    figures: { p50, p99, max, 'messages/s': perSecond },
  };
}

/** A process without the role of a worker declares the queues and takes nothing. */
async function declareQueues(bench: Bench): Promise<void> {
  await bench.leave(await bench.start({ name: 'declarer', roles: 'relay', ordered: true, file }));
}

async function fill(bench: Bench, queue: string, messages: number): Promise<void> {
  const connection = await connect(bench.amqpUrl);
  const channel = await connection.createConfirmChannel();
  for (let sent = 0; sent < messages; sent += WINDOW) {
    for (let index = 0; index < WINDOW; index += 1) send(channel, queue, sent + index);
    await channel.waitForConfirms();
  }
  await connection.close();
}

function send(channel: ConfirmChannel, queue: string, index: number): void {
  const sensor = `sensor-${index % 1_000}`;
  const body = { sensor, value: index, sentAt: 0 };
  channel.sendToQueue(queue, Buffer.from(JSON.stringify(body)), {
    persistent: true,
    messageId: randomUUID(),
    contentType: 'application/json',
    headers: { route: `readings/${sensor}` },
  });
}

async function handledNow(worker: Program): Promise<{ at: number; count: number }> {
  const count = await worker.ask({ do: 'handled' });
  return { at: performance.now(), count };
}

/** Each message left its mark in the inbox, and none was handled twice. */
async function verify({ databaseUrl, programs }: Bench, messages: number): Promise<void> {
  const [row] = await query<{ count: number }>(
    databaseUrl,
    'select count(*)::int as count from kernel.inbox',
  );
  const [worker] = programs;
  const handled = await worker?.ask({ do: 'handled' });
  if (row?.count !== messages || handled !== messages)
    throw new Error(`${messages} sent, ${handled} handled, ${row?.count} in the inbox`);
}
