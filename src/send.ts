import { parseArgs } from 'node:util';
import { Logger } from '@nestjs/common';
import { loadEnv } from './kernel/env.js';
import { Ids } from './kernel/ids.js';
import { COMMANDS_EXCHANGE, type Broker } from './kernel/messaging/broker.js';
import { HEADER } from './kernel/messaging/message-headers.js';
import { PostgresBroker } from './kernel/messaging/postgres/postgres-broker.js';
import { RabbitMqBroker } from './kernel/messaging/rabbitmq/rabbitmq-broker.js';

const USAGE = `Usage: npm run send -- <scope>/<route> ['<json>'] [--header name=value ...] [--id <message id>]

Sends one message and waits until the broker has it, for example
  npm run send -- tasks/create '{"payload":"from the queue"}'`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      header: { type: 'string', multiple: true, default: [] },
      id: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  const [target, body = 'null'] = positionals;
  const [scope, ...route] = target?.split('/') ?? [];
  if (values.help || !scope || route.length === 0) {
    console.error(USAGE);
    return values.help ? 0 : 2;
  }
  const given = values.header.map((pair): [string, string] => {
    const [name = '', ...value] = pair.split('=');
    return [name, value.join('=')];
  });
  const id = values.id ?? new Ids().next();
  const broker = createBroker();
  await broker.start();
  try {
    const [error] = await broker.publish([
      {
        id,
        exchange: COMMANDS_EXCHANGE,
        routingKey: scope,
        headers: { ...Object.fromEntries(given), [HEADER.route]: route.join('/') },
        contentType: 'application/json',
        payload: Buffer.from(body),
      },
    ]);
    console.log(error ? `Not sent: ${error.message}` : `Sent ${id} to ${scope}/${route.join('/')}`);
    return error ? 1 : 0;
  } finally {
    await broker.close();
  }
}

function createBroker(): Broker {
  const env = loadEnv();
  const logger = new Logger('Send');
  return env.AMQP_URL === undefined
    ? new PostgresBroker({ databaseUrl: env.DATABASE_URL, logger, poolSize: 2 })
    : new RabbitMqBroker({ url: env.AMQP_URL, logger });
}

process.exitCode = await main();
