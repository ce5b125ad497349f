/**
 * A program of the kernel and one message controller, started as the real one is: scope `bench-one` handles its messages
 * one by one, scope `bench-many` in batches. Decorators are called as functions, because Node runs this file as it is.
 */
import { Body, Controller } from '@nestjs/common';
import { z } from 'zod';
import type * as App from '../../src/app.js';
import type * as Environment from '../../src/kernel/env.js';
import type * as Kernel from '../../src/kernel/kernel.module.js';
import type * as Batches from '../../src/kernel/messaging/batch-method.js';
import type * as Decorators from '../../src/kernel/messaging/message.decorators.js';
import type * as Messages from '../../src/kernel/outbox/outbox-message.js';
import type * as Outboxes from '../../src/kernel/outbox/outbox.js';
import type * as UnitsOfWork from '../../src/kernel/persistence/unit-of-work.js';
import { compiled } from './compiled.ts';
import type { Order } from './orders.ts';
import { endWithSignal, obey } from './told.ts';

const { startApp } = await compiled<typeof App>('app.js');
const { loadEnv } = await compiled<typeof Environment>('kernel/env.js');
const { KernelModule } = await compiled<typeof Kernel>('kernel/kernel.module.js');
const { MessageScope, OnMessage } = await compiled<typeof Decorators>(
  'kernel/messaging/message.decorators.js',
);
const { commandMessage } = await compiled<typeof Messages>('kernel/outbox/outbox-message.js');
const { Outbox } = await compiled<typeof Outboxes>('kernel/outbox/outbox.js');
const { UnitOfWork } = await compiled<typeof UnitsOfWork>('kernel/persistence/unit-of-work.js');

const Reading = z.object({ sensor: z.string().max(40), value: z.number(), sentAt: z.number() });
type Reading = z.infer<typeof Reading>;

let handled = 0;
let lateness: number[] = [];

function now(): number {
  return performance.timeOrigin + performance.now();
}

class OneController {
  async take(reading: Reading): Promise<void> {
    handled += 1;
    lateness.push(now() - reading.sentAt);
  }
}

class ManyController {
  async take(messages: readonly Batches.Incoming<Reading>[]): Promise<undefined> {
    handled += messages.length;
  }
}

function decorate(type: typeof OneController | typeof ManyController, scope: string): void {
  Controller()(type);
  MessageScope(scope)(type);
}

const method = Object.getOwnPropertyDescriptor(OneController.prototype, 'take');
decorate(OneController, 'bench-one');
OnMessage('readings/:sensor')(OneController.prototype, 'take', method ?? {});
Body({ schema: Reading })(OneController.prototype, 'take', 0);
const batchMethod = Object.getOwnPropertyDescriptor(ManyController.prototype, 'take');
decorate(ManyController, 'bench-many');
OnMessage('readings/:sensor', { batch: 500, body: Reading })(
  ManyController.prototype,
  'take',
  batchMethod ?? {},
);

class BenchModule {}

const env = loadEnv();
const app = await startApp(env, {
  module: BenchModule,
  imports: [KernelModule.for(env)],
  controllers: [OneController, ManyController],
});

/** One message a time through the outbox, each at its time. Answers how long each took from the commit to the handler. */
async function measureLateness(perSecond: number, seconds: number): Promise<number[]> {
  const unitOfWork = app.get(UnitOfWork);
  const outbox = app.get(Outbox);
  lateness = [];
  const total = perSecond * seconds;
  const since = performance.now();
  const sending = Array.from({ length: total }, async (_, index) => {
    const wait = since + (index * 1_000) / perSecond - performance.now();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, wait)));
    const body = { sensor: 's', value: 1, sentAt: now() };
    const command = { queue: 'bench-one', route: 'readings/s', body };
    await unitOfWork.run(() => outbox.append([commandMessage(command)]));
  });
  await Promise.all(sending);
  const deadline = performance.now() + 10_000;
  while (lateness.length < total && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 20));
  if (lateness.length !== total)
    throw new Error(`${lateness.length} of ${total} messages were handled`);
  return lateness;
}

function carryOut(order: Order): Promise<unknown> {
  if (order.do === 'handled') return Promise.resolve(handled);
  if (order.do === 'lateness') return measureLateness(order.perSecond, order.seconds);
  return Promise.reject(new Error(`This program does not ${order.do}`));
}

obey(carryOut);
endWithSignal(app);
