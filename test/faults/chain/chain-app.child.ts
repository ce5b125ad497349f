import { Module } from '@nestjs/common';
import { startApp } from '../../../src/kernel/app.js';
import { loadEnv } from '../../../src/kernel/env.js';
import { KernelModule } from '../../../src/kernel/kernel.module.js';
import type { Broker, Consumption, Delivery } from '../../../src/kernel/messaging/broker.js';
import { PostgresBroker } from '../../../src/kernel/messaging/postgres/postgres-broker.js';
import { RabbitMqBroker } from '../../../src/kernel/messaging/rabbitmq/rabbitmq-broker.js';
import { createLogger, exitOnCrash } from '../../../src/kernel/observability/logger.js';
import { endProcessWith } from '../../../src/kernel/process-end.js';
import { ChainModule, SCOPES } from './chain.module.js';
import { Journal } from './journal.js';

/** A program of the kernel and the chain, started by tests that kill it. Every delivery goes into the journal, duplicates too. */
const env = loadEnv();
exitOnCrash(createLogger(env));

@Module({ imports: [KernelModule.for(env), ChainModule] })
class Root {}

noteDeliveries(new Journal(process.env['CHAIN_JOURNAL'] ?? '/dev/null'));
const app = await startApp(env, Root);
endProcessWith(app, env);
console.log('Millrace is up');

interface Consuming {
  consume: (this: Broker, ...args: Parameters<Broker['consume']>) => Promise<Consumption>;
}

function noteDeliveries(journal: Journal): void {
  const scopes = new Set<string>(SCOPES);
  for (const { prototype } of [RabbitMqBroker, PostgresBroker] as { prototype: Consuming }[]) {
    const { consume } = prototype;
    prototype.consume = function (scope, prefetch, onDelivery) {
      const note = (delivery: Delivery): void => {
        const { attempt, message } = delivery;
        if (scopes.has(scope)) journal.write({ what: 'delivered', scope, id: message.id, attempt });
        onDelivery(delivery);
      };
      return consume.call(this, scope, prefetch, note);
    };
  }
}
