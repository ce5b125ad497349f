import { Logger } from '@nestjs/common';
import { InvalidEnvironmentError, loadEnv } from './kernel/env.js';
import { Ids } from './kernel/ids.js';
import { type Broker, COMMANDS_EXCHANGE } from './kernel/messaging/broker.js';
import { PostgresBroker } from './kernel/messaging/postgres/postgres-broker.js';
import { RabbitMqBroker } from './kernel/messaging/rabbitmq/rabbitmq-broker.js';
import { readSendCommand, type SendCommand, USAGE, UsageError } from './send-command.js';

async function main(): Promise<number> {
  const command = readSendCommand(process.argv.slice(2));
  if (!command) {
    console.log(USAGE);
    return 0;
  }
  const broker = createBroker();
  await broker.start();
  try {
    return await send(broker, command);
  } finally {
    await broker.close();
  }
}

async function send(broker: Broker, command: SendCommand): Promise<number> {
  const { queue, headers, contentType, payload, id = new Ids().next() } = command;
  const address = { exchange: COMMANDS_EXCHANGE, routingKey: queue } as const;
  const message = { ...address, id, headers, contentType, payload: Buffer.from(payload) };
  const [error] = await broker.publish([message]);
  if (error) console.error(`Not sent: ${error.message}`);
  else console.log(`Sent ${id} to ${queue}/${String(headers['route'])}`);
  return error ? 1 : 0;
}

function createBroker(): Broker {
  const env = loadEnv();
  const logger = new Logger('Send');
  Logger.overrideLogger(['warn', 'error', 'fatal']);
  return env.AMQP_URL === undefined
    ? new PostgresBroker({ databaseUrl: env.DATABASE_URL, logger, poolSize: 2 })
    : new RabbitMqBroker({ url: env.AMQP_URL, logger });
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof UsageError) console.error(`${error.message}\n\n${USAGE}`);
  else if (error instanceof InvalidEnvironmentError) {
    console.error(`${error.message}\nIs the stand up? \`make all\` starts it.`);
  } else console.error(error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
