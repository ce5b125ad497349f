import { connect } from 'amqplib';
import { query } from '../../scripts/services/postgres.ts';
import {
  manage,
  startPostgres,
  startRabbitMq,
  startRedis,
  testDatabase,
  testVhost,
} from './services.ts';
import { testRedis } from './test-redis.ts';

describe('the shared test services', () => {
  it('gives every test a database of its own and drops it', async () => {
    const [one, other] = await Promise.all([
      testDatabase({ template: 'empty' }),
      testDatabase({ template: 'empty' }),
    ]);
    await query(one.url, 'create table mine (id int)');
    expect(await query(other.url, `select 1 from pg_tables where tablename = 'mine'`)).toEqual([]);
    await Promise.all([one.release(), other.release()]);
    await expect(query(one.url, 'select 1')).rejects.toThrow('does not exist');
  });

  it('gives every test a virtual host of its own and deletes it', async () => {
    const vhost = await testVhost();
    const name = new URL(vhost.url).pathname.slice(1);
    const connection = await connect(vhost.url);
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue('q', { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    await connection.close();
    await vhost.release();
    await expect(manage('GET', `vhosts/${name}`)).rejects.toThrow('404');
  });

  it('gives every test a Redis database of its own', async () => {
    const [one, other] = await Promise.all([testRedis(), testRedis()]);
    expect(one.url).not.toBe(other.url);
    await Promise.all([one.release(), other.release()]);
  });
});

describe('a private service', () => {
  it('keeps committed rows when Postgres is killed, and loses them when it is wiped', async () => {
    const postgres = await startPostgres();
    try {
      await query(postgres.url, 'create table t as select 1 as id');
      await postgres.kill();
      await expect(query(postgres.url, 'select id from t')).rejects.toThrow();
      await postgres.start();
      expect(await query(postgres.url, 'select id from t')).toEqual([{ id: 1 }]);
      await postgres.wipe();
      await postgres.start();
      await expect(query(postgres.url, 'select id from t')).rejects.toThrow('does not exist');
    } finally {
      await postgres.dispose();
    }
  });

  it('keeps confirmed messages when RabbitMQ is killed, and loses the queue when it is wiped', async () => {
    const rabbit = await startRabbitMq();
    try {
      await publish(rabbit.url);
      await rabbit.restart(); // RabbitMQ 3.10 loses a quorum queue whose first seconds end in a kill
      expect(await firstMessage(rabbit.url)).toBe('1');
      await publish(rabbit.url);
      await rabbit.kill();
      await rabbit.start();
      expect(await firstMessage(rabbit.url)).toBe('1');
      await rabbit.wipe();
      await rabbit.start();
      await expect(firstMessage(rabbit.url)).rejects.toThrow('no queue');
    } finally {
      await rabbit.dispose();
    }
  }, 120_000);

  it('comes back when Redis is restarted', async () => {
    const redis = await startRedis();
    try {
      const before = redis.pid;
      await redis.restart();
      expect(redis.pid === undefined || redis.pid !== before).toBe(true);
    } finally {
      await redis.dispose();
    }
  });
});

async function publish(url: string): Promise<void> {
  const connection = await connect(url);
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue('kept', { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  channel.sendToQueue('kept', Buffer.from('1'), { persistent: true });
  await channel.waitForConfirms();
  await connection.close();
}

async function firstMessage(url: string): Promise<string | undefined> {
  const connection = await connect(url);
  connection.on('error', () => undefined);
  const channel = await connection.createChannel();
  channel.on('error', () => undefined); // a missing queue closes the channel; the call below rejects with the reason
  try {
    const message = await channel.get('kept');
    return message ? message.content.toString() : undefined;
  } finally {
    await connection.close();
  }
}
