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

interface Command {
  readonly scope: string;
  readonly route: string;
  readonly body: string;
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Undefined when the arguments do not say what to send. */
function readCommand(): Command | undefined {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      header: { type: 'string', multiple: true, default: [] },
      id: { type: 'string', default: new Ids().next() },
    },
  });
  const [target = '', body = 'null'] = positionals;
  const [scope = '', ...route] = target.split('/');
  if (scope === '' || route.length === 0) return undefined;
  const headers = values.header.map((pair): [string, string] => {
    const [name = '', ...value] = pair.split('=');
    return [name, value.join('=')];
  });
  return {
    scope,
    route: route.join('/'),
    body,
    id: values.id,
    headers: Object.fromEntries(headers),
  };
}

async function main(): Promise<number> {
  const command = readCommand();
  if (!command) {
    console.error(USAGE);
    return 2;
  }
  const { scope, route, body, id, headers } = command;
  const broker = createBroker();
  await broker.start();
  try {
    const [error] = await broker.publish([
      {
        id,
        exchange: COMMANDS_EXCHANGE,
        routingKey: scope,
        headers: { ...headers, [HEADER.route]: route },
        contentType: 'application/json',
        payload: Buffer.from(body),
      },
    ]);
    console.log(error ? `Not sent: ${error.message}` : `Sent ${id} to ${scope}/${route}`);
    return error ? 1 : 0;
  } finally {
    await broker.close();
  }
}

function createBroker(): Broker {
  const env = loadEnv();
  const logger = new Logger('Send');
  Logger.overrideLogger(['warn', 'error', 'fatal']);
  return env.AMQP_URL === undefined
    ? new PostgresBroker({ databaseUrl: env.DATABASE_URL, logger, poolSize: 2 })
    : new RabbitMqBroker({ url: env.AMQP_URL, logger });
}

process.exitCode = await main();
