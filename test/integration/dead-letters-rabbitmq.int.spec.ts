import { randomUUID } from 'node:crypto';
import { connect, type GetMessage } from 'amqplib';
import { DeadLetterCollector } from '../../src/kernel/dead-letters/dead-letter-collector.js';
import { tcpProxy } from '../contract/tcp-proxy.js';
import { bootApp } from '../support/app.js';
import { probeMessage } from '../support/dead-letters.js';
import { ProbeModule } from '../support/probe.module.js';

describe('dead letters on RabbitMQ', () => {
  it('have the broker’s reason when it gave up a message that kills its consumers', async () => {
    const app = await bootApp({
      broker: 'rabbitmq',
      modules: [ProbeModule],
      env: { ROLES: 'api,relay,scheduler' },
    });
    const id = await app.send('probe', 'effect', { note: 'poison' });
    const connection = await connect(app.amqpUrl!);
    for (let held: GetMessage | false | undefined; held !== false;) {
      const consumer = await connection.createChannel();
      held = await consumer.get('probe');
      await consumer.close(); // unsettled, as by a crash
    }
    await connection.close();
    const dead = app.deadLetters('probe');
    const letter = await dead.withId(id);
    expect(letter).toMatchObject({
      routingKey: 'probe',
      reason: 'given up by the broker: delivery_limit',
      body: { note: 'poison' },
    });
    const { body } = await app.http.post('/dead-letters/redrive', {
      filter: { reason: 'delivery_limit' },
    });
    expect(body).toMatchObject({ redriven: 1 });
    await app.until(async () => (await app.broker.depth('probe')) === 1);
  });

  it('without an id are kept, also when their headers leave no room for one', async () => {
    const app = await bootApp({ broker: 'rabbitmq', modules: [ProbeModule] });
    const connection = await connect(app.amqpUrl!);
    const channel = await connection.createConfirmChannel();
    const send = (length: number): boolean => {
      try {
        const headers = { route: 'effects', big: 'x'.repeat(length) };
        return channel.sendToQueue('probe', Buffer.from('{}'), { headers });
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        return send(length - 1);
      }
    };
    send(66_000);
    await channel.waitForConfirms();
    await connection.close();
    const id = await app.until(async () => (await app.deadLetters('probe').ids())[0]);
    const letter = await app.deadLetters('probe').withId(id);
    expect(letter.reason).toBe('given up by the broker: rejected');
    expect(letter.headers['big']!.length).toBeGreaterThan(60_000);
  });

  it('wait in their queue while Postgres is away', async () => {
    const ground = await bootApp({
      broker: 'rabbitmq',
      modules: [ProbeModule],
      env: { ROLES: 'api' },
    });
    const server = new URL(ground.databaseUrl);
    const target = { host: server.hostname, port: Number(server.port) };
    const line = await tcpProxy(target);
    server.port = String(line.port);
    const collecting = await bootApp({
      beside: ground,
      modules: [ProbeModule],
      env: { DATABASE_URL: server.href, ROLES: 'scheduler' },
    });
    await line.close();
    const collector = collecting.get(DeadLetterCollector);
    const ids = Array.from({ length: 50 }, () => randomUUID());
    const letters = ids.map((id) => probeMessage({ id, toQueue: 'probe.dlq' }));
    expect(await ground.broker.publish(letters)).toEqual(ids.map(() => undefined));
    await ground.until(() => collector.atHand === ids.length);
    const again = await tcpProxy(target, line.port);
    await ground.until(() => collector.atHand === 0);
    expect((await ground.deadLetters('probe').ids()).sort()).toEqual([...ids].sort());
    await collecting.stop();
    await again.close();
  });
});
