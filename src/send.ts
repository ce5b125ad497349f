import { Logger } from '@nestjs/common';
import { InvalidEnvironmentError, loadEnv } from './kernel/env.js';
import { Ids } from './kernel/ids.js';
import { type Broker, type BrokerMessage, COMMANDS_EXCHANGE } from './kernel/messaging/broker.js';
import { PostgresBroker } from './kernel/messaging/postgres/postgres-broker.js';
import { RabbitMqBroker } from './kernel/messaging/rabbitmq/rabbitmq-broker.js';
import { within } from './kernel/observability/deadline.js';
import { readSendCommand, type SendCommand, USAGE, UsageError } from './send-command.js';

const REPLY_MS = 30_000;

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
  const { queue, headers, contentType, payload, id = new Ids().next(), reply } = command;
  const answer = Promise.withResolvers<BrokerMessage>();
  const replies = reply ? await broker.openReplies(answer.resolve) : undefined;
  const [error] = await broker.publish([
    {
      id,
      exchange: COMMANDS_EXCHANGE,
      routingKey: queue,
      headers,
      contentType,
      payload: Buffer.from(payload),
      ...(replies?.name === undefined ? {} : { replyTo: replies.name, correlationId: id }),
    },
  ]);
  if (error) console.error(`Not sent: ${error.message}`);
  else console.log(`Sent ${id} to ${queue}/${String(headers['route'])}`);
  const done = !error && (!replies || (await print(answer.promise)));
  await replies?.close();
  return done ? 0 : 1;
}

/** False when there is no answer in time. */
async function print(answer: Promise<BrokerMessage>): Promise<boolean> {
  try {
    console.log((await within(REPLY_MS, () => answer)).payload.toString());
    return true;
  } catch {
    console.error(`No reply within ${REPLY_MS / 1_000} s; the message may be waiting for a retry.`);
    return false;
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

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof UsageError) console.error(`${error.message}\n\n${USAGE}`);
  else if (error instanceof InvalidEnvironmentError) {
    console.error(`${error.message}\nIs the stand up? \`make all\` starts it.`);
  } else console.error(error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
