/**
 * The program as `dist/main.js` starts it, with whoever starts workflow instances and moves them inside: commands go through the mediator
 * of the process itself.
 */
import type * as App from '../../src/app.js';
import type * as Mediators from '../../src/kernel/cqrs/mediator.js';
import type * as Environment from '../../src/kernel/env.js';
import type * as Workflows from '../../src/workflows/index.js';
import { compiled } from './compiled.ts';
import type { Created, Order } from './orders.ts';
import { people, signalAt } from './people.ts';
import { endWithSignal, keepPace, obey } from './told.ts';

const { startApp } = await compiled<typeof App>('app.js');
const { loadEnv } = await compiled<typeof Environment>('kernel/env.js');
const { Mediator } = await compiled<typeof Mediators>('kernel/cqrs/mediator.js');
const { StartInstances } = await compiled<typeof Workflows>('workflows/index.js');

const app = await startApp(loadEnv());
const mediator = app.get(Mediator);

function start(order: Order & { do: 'start' }): Promise<Created> {
  const { workflow } = order;
  return keepPace(order, (_, n) =>
    mediator.execute(new StartInstances([{ workflow, variables: { n } }])),
  );
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

obey(carryOut);
endWithSignal(app);
