/**
 * The program as `dist/main.js` starts it, with a creator of tasks inside: commands go through the mediator of the
 * process itself. BENCH_RECORD_STARTS=1 makes it note when each task's handler was entered.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type * as App from '../../src/app.js';
import type * as Mediators from '../../src/kernel/cqrs/mediator.js';
import type * as Environment from '../../src/kernel/env.js';
import type * as Tasks from '../../src/tasks/index.js';
import type * as Emulates from '../../src/tasks/kinds/emulate.js';
import type * as Noops from '../../src/tasks/kinds/noop.js';
import { compiled } from './compiled.ts';
import type { Created, Creation, Order, Starts } from './orders.ts';
import { endWithSignal, keepPace, obey } from './told.ts';

const { startApp } = await compiled<typeof App>('app.js');
const { loadEnv } = await compiled<typeof Environment>('kernel/env.js');
const { Mediator } = await compiled<typeof Mediators>('kernel/cqrs/mediator.js');
const { CreateTasks } = await compiled<typeof Tasks>('tasks/index.js');
const { Noop } = await compiled<typeof Noops>('tasks/kinds/noop.js');
const { Emulate } = await compiled<typeof Emulates>('tasks/kinds/emulate.js');

const starts: Starts = [];
if (process.env['BENCH_RECORD_STARTS']) recordStarts();
const app = await startApp(loadEnv());
const mediator = app.get(Mediator);

function now(): number {
  return performance.timeOrigin + performance.now();
}

interface Runner {
  run: (payload: unknown, context: { taskId: string }) => Promise<unknown>;
}

function recordStarts(): void {
  for (const { prototype } of [Noop, Emulate] as unknown as { prototype: Runner }[]) {
    const original = prototype.run;
    prototype.run = function (this: Runner, payload, context) {
      starts.push([context.taskId, now()]);
      return original.call(this, payload, context);
    };
  }
}

function request(kind: string, priority = 0) {
  return { payload: 'bench', kind, queue: 'default', priority };
}

function create(order: Order & { do: 'create' }): Promise<Created> {
  return keepPace(order, (size) => {
    const requests = Array.from({ length: size }, () => request(order.kind, order.priority));
    return mediator.execute(new CreateTasks(requests));
  });
}

async function createAt(order: Order & { do: 'create-at' }): Promise<Creation[]> {
  const total = Math.round(order.perSecond * order.seconds);
  const since = now();
  const creations: Promise<Creation>[] = [];
  while (creations.length < total) {
    const due = Math.min(total, 1 + Math.floor(((now() - since) * order.perSecond) / 1_000));
    while (creations.length < due) {
      const askedAt = since + (creations.length * 1_000) / order.perSecond;
      creations.push(createOne(order, askedAt));
    }
    await delay(1);
  }
  return Promise.all(creations);
}

async function createOne(
  { kind, priority }: { kind: string; priority?: number },
  askedAt: number,
): Promise<Creation> {
  const [task] = await mediator.execute(new CreateTasks([request(kind, priority)]));
  return { id: task?.id ?? '', askedAt, answeredAt: now() };
}

function carryOut(order: Order): Promise<unknown> {
  switch (order.do) {
    case 'create':
      return create(order);
    case 'create-at':
      return createAt(order);
    case 'starts':
      return Promise.resolve(starts.splice(0));
    case 'handled':
    case 'lateness':
    case 'start':
    case 'people':
    case 'signal-at':
      return Promise.reject(new Error('That is what another program does'));
  }
}

obey(carryOut);
endWithSignal(app);
