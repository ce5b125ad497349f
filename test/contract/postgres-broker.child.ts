import { Logger } from '@nestjs/common';
import { COMMANDS_EXCHANGE } from '../../src/kernel/messaging/broker.js';
import { PostgresBroker } from '../../src/kernel/messaging/postgres/postgres-broker.js';

/**
 * A consumer in a process of its own, started by the spec to be killed: declares the queues, consumes the first
 * without settling anything, and says what arrives. With `crash` it dies of the first message.
 */
const [databaseUrl = '', settings = '', queues = '', crash] = process.argv.slice(2);
const broker = new PostgresBroker({
  databaseUrl,
  logger: new Logger('child'),
  ...(JSON.parse(settings) as object),
});
await broker.start();
const names = queues.split(',');
await broker.declare(
  names.map((name) => ({
    name,
    bindings: [{ exchange: COMMANDS_EXCHANGE, routingKey: `${name}.#` }],
  })),
);
await broker.consume(names[0] ?? '', 100, ({ message }) => {
  if (crash) process.kill(process.pid, 'SIGKILL');
  process.send?.(message.id);
});
process.send?.(broker.state().up ? 'ready' : 'down');
