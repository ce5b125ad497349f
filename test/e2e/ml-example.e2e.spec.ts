import getPort from 'get-port';
import type { Broker } from '../../src/kernel/messaging/broker.js';
import { PostgresBroker } from '../../src/kernel/messaging/postgres/postgres-broker.js';
import { RabbitMqBroker } from '../../src/kernel/messaging/rabbitmq/rabbitmq-broker.js';
import { query } from '../../scripts/services/postgres.ts';
import { BROKERS } from '../support/app.js';
import { HttpClient } from '../support/http-client.js';
import { type Lease, testDatabase, testVhost } from '../support/services.js';
import { type ExampleGround, sendByCommand, spawnExample } from '../support/spawned-example.js';
import { until } from '../support/until.js';

const MESSAGES = 300;

interface Recorded {
  readonly kind: string;
  readonly result: { readonly model_id: string; readonly trained_by: number };
}

describe.each(BROKERS)('the ML example on %s', (broker) => {
  let database: Lease;
  let vhost: Lease | undefined;
  let ground: ExampleGround;

  beforeEach(async () => {
    database = await testDatabase({ template: 'empty' });
    vhost = broker === 'rabbitmq' ? await testVhost() : undefined;
    ground = { databaseUrl: database.url, amqpUrl: vhost?.url };
  });
  afterEach(async () => {
    await vhost?.release();
    await database.release();
  });

  const recorded = () =>
    query<Recorded>(ground.databaseUrl, 'select kind, result from ml_audit.result order by seq');

  it('takes the messages of the command line, and its second scope hears the results', async () => {
    const port = await getPort();
    const example = await spawnExample(ground, { port });
    const another = ['route=another_method', 'one=any string', 'more=another string'];
    const train = ['route=train_model', 'model_id=17'];
    const sent = [
      await sendByCommand(ground, ['ml', ...headers(another)]),
      await sendByCommand(ground, ['ml', ...headers(train), '--text', 'training text']),
    ];
    expect(sent.map(({ stdout, stderr }) => [stdout.split(' to ')[1], stderr])).toEqual([
      ['ml/another_method', ''],
      ['ml/train_model', ''],
    ]);
    await until(async () => (await recorded()).length === 2);
    const { body } = await new HttpClient(`http://127.0.0.1:${port}`).get('/results');
    expect(body).toEqual({
      items: expect.arrayContaining([
        {
          kind: 'another_method',
          result: { one: 'any string', more: 'another string' },
          recorded_at: expect.any(String) as string,
        },
        {
          kind: 'trained',
          result: { model_id: '17', words: 2, trained_by: expect.any(Number) as number },
          recorded_at: expect.any(String) as string,
        },
      ]) as unknown,
    });
    expect(await example.stop('SIGINT')).toBe(0);
  }, 120_000);

  it('shares its messages between three processes, each handled once', async () => {
    const example = await spawnExample(ground, { replicas: 3 });
    await trainModels(ground, MESSAGES);
    await until(async () => (await recorded()).length >= MESSAGES, { withinMs: 60_000 });
    expect(await example.stop()).toBe(0); // what was on its way twice would be there by now
    const results = (await recorded()).map(({ result }) => result);
    expect(results).toHaveLength(MESSAGES);
    expect(new Set(results.map((result) => result.model_id)).size).toBe(MESSAGES);
    const workers = new Set(results.map((result) => result.trained_by));
    expect(workers.size).toBe(3);
    expect([...workers].filter(isAlive)).toEqual([]);
  }, 180_000);
});

it('ends as a whole, and says so, when one of its processes dies', async () => {
  const database = await testDatabase({ template: 'empty' });
  try {
    const ground = { databaseUrl: database.url, amqpUrl: undefined };
    const example = await spawnExample(ground, { replicas: 2 });
    await trainModels(ground, 100);
    const workers = await until(async () => {
      const rows = await query<{ pid: number }>(
        database.url,
        `select distinct (result->>'trained_by')::int as pid from ml_audit.result`,
      );
      return rows.length === 2 ? rows.map(({ pid }) => pid) : undefined;
    });
    process.kill(workers[0]!, 'SIGKILL');
    expect(await example.ended()).toBe(1);
    expect(workers.filter(isAlive)).toEqual([]);
  } finally {
    await database.release();
  }
}, 60_000);

it('says what is missing, and how it is called', async () => {
  const nowhere = { databaseUrl: 'postgres://nobody@127.0.0.1:1/nothing', amqpUrl: undefined };
  const { exitCode, stderr } = await sendByCommand(nowhere, ['ml']);
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining('Which route?') as string]);
  await expect(spawnExample({ ...nowhere, databaseUrl: '' })).rejects.toThrow('make all');
  const help = await sendByCommand(nowhere, ['--help']);
  expect([help.exitCode, help.stdout]).toEqual([0, expect.stringContaining('--text') as string]);
}, 60_000);

function headers(pairs: readonly string[]): string[] {
  return pairs.flatMap((pair) => ['--header', pair]);
}

async function trainModels({ databaseUrl, amqpUrl }: ExampleGround, count: number): Promise<void> {
  const logger = { log() {}, warn() {}, error() {} };
  const broker: Broker =
    amqpUrl === undefined
      ? new PostgresBroker({ databaseUrl, logger, poolSize: 2 })
      : new RabbitMqBroker({ url: amqpUrl, logger });
  await broker.start();
  const messages = Array.from({ length: count }, (_, index) => ({
    id: `training-${index}`,
    exchange: 'millrace.commands' as const,
    routingKey: 'ml',
    headers: { route: `models/${index}/train` },
    contentType: 'text/plain',
    payload: Buffer.from('training text'),
  }));
  try {
    const outcomes = await broker.publish(messages);
    expect(outcomes.filter(Boolean)).toEqual([]);
  } finally {
    await broker.close();
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
