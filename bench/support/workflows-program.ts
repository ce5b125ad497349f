/**
 * The program as `dist/main.js` starts it, with whoever starts workflow instances and moves them inside: commands go through the mediator
 * of the process itself.
 */
import type * as App from '../../src/app.js';
import type * as Mediators from '../../src/kernel/cqrs/mediator.js';
import type * as Environment from '../../src/kernel/env.js';
import type * as Workflows from '../../src/workflows/index.js';
import { compiled } from './compiled.ts';
import type { Created, Credit, Order } from './orders.ts';
import { people, signalAt } from './people.ts';

const { startApp, stopApp } = await compiled<typeof App>('app.js');
const { loadEnv } = await compiled<typeof Environment>('kernel/env.js');
const { Mediator } = await compiled<typeof Mediators>('kernel/cqrs/mediator.js');
const { StartInstances } = await compiled<typeof Workflows>('workflows/index.js');

const app = await startApp(loadEnv());
const mediator = app.get(Mediator);

/** Instances started here that have ended, as the bench saw them. */
let finished = 0;
let onCredit: (() => void)[] = [];

async function start(order: Order & { do: 'start' }): Promise<Created> {
  const { workflow, concurrency, until, window } = order;
  const limit = 'tasks' in until ? until.tasks : Infinity;
  const since = performance.now();
  const deadline = 'seconds' in until ? since + until.seconds * 1_000 : Infinity;
  const base = finished;
  let started = 0;
  const lane = async (): Promise<void> => {
    while (started < limit && performance.now() < deadline) {
      if (started - (finished - base) >= window) {
        await new Promise<void>((resolve) => onCredit.push(resolve));
        continue;
      }
      started += 1;
      await mediator.execute(new StartInstances([{ workflow, variables: { n: started } }]));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  return { tasks: started, seconds: (performance.now() - since) / 1_000 };
}

function carryOut(order: Order): Promise<unknown> {
  switch (order.do) {
    case 'start':
      return start(order);
    case 'people':
      return people(mediator, order);
    case 'signal-at':
      return signalAt(mediator, order);
    default:
      return Promise.reject(new Error(`That is what another program does: ${order.do}`));
  }
}

async function onOrder({ id, order }: { id: number; order: Order }): Promise<void> {
  try {
    process.send?.({ id, answer: await carryOut(order) });
  } catch (error) {
    process.send?.({ id, error: error instanceof Error ? error.stack : String(error) });
  }
}

process.on('message', (message: Credit | { id: number; order: Order }) => {
  if ('order' in message) {
    void onOrder(message);
    return;
  }
  ({ finished } = message);
  const waiting = onCredit;
  onCredit = [];
  waiting.forEach((resolve) => {
    resolve();
  });
});

process.once('SIGTERM', () => {
  stopApp(app).then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
