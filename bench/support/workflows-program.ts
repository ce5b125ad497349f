/**
 * The program as `dist/main.js` starts it, with a starter of workflow instances inside: commands go through the mediator
 * of the process itself.
 */
import type * as App from '../../src/app.js';
import type * as Mediators from '../../src/kernel/cqrs/mediator.js';
import type * as Environment from '../../src/kernel/env.js';
import type * as Workflows from '../../src/workflows/index.js';
import { compiled } from './compiled.ts';
import type { Created, Credit, Order } from './orders.ts';

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
  let started = 0;
  const lane = async (): Promise<void> => {
    while (started < limit && performance.now() < deadline) {
      if (started - finished >= window) {
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

async function onOrder({ id, order }: { id: number; order: Order }): Promise<void> {
  try {
    if (order.do !== 'start') throw new Error(`Only instances are started here, not ${order.do}`);
    process.send?.({ id, answer: await start(order) });
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
