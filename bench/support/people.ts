import { setTimeout as delay } from 'node:timers/promises';
import type * as Mediators from '../../src/kernel/cqrs/mediator.js';
import type * as Completing from '../../src/workflows/commands/complete-user-task.js';
import type * as Reporting from '../../src/workflows/commands/report-signals.js';
import type * as Listing from '../../src/workflows/queries/user-tasks.js';
import type * as Workflows from '../../src/workflows/index.js';
import { compiled } from './compiled.ts';
import type { Busy, Order } from './orders.ts';

type Mediator = Mediators.Mediator;

const { StartInstances } = await compiled<typeof Workflows>('workflows/index.js');
const { ReportSignals } = await compiled<typeof Reporting>('workflows/commands/report-signals.js');
const { CompleteUserTask } = await compiled<typeof Completing>(
  'workflows/commands/complete-user-task.js',
);
const { ListUserTasks } = await compiled<typeof Listing>('workflows/queries/user-tasks.js');

/** What fits every form. */
const DATA = { note: 'done', max_heat: 80, max_vibration: 5 };
const ACTOR = { id: 'bench', roles: ['operator', 'technologist', 'engineer'], operates: false };
/** Machines that are prepared in one command. */
const AT_ONCE = 500;
/** One of so many is rejected at first, and watched on. */
const REJECTED = 3;

let machinesMade = 0;

/** A prediction system, an operator, an engineer and a technologist, for as many machines at once as there are lanes. */
export async function people(mediator: Mediator, order: Order & { do: 'people' }): Promise<Busy> {
  const since = performance.now();
  const deadline = since + order.seconds * 1_000;
  const done = { signals: 0, completions: 0, instances: 0 };
  const report = async (equipment: string, name: string, value: number) => {
    await mediator.execute(new ReportSignals([{ name, key: equipment, data: { value } }]));
    done.signals += 1;
  };
  const complete = async (instance: string, node: string, outcome: string) => {
    const id = await taskOf(mediator, instance, node);
    await mediator.execute(new CompleteUserTask(id, ACTOR, { outcome, data: DATA }));
    done.completions += 1;
  };
  const lane = async (_: unknown, number: number): Promise<void> => {
    for (let turn = number; performance.now() < deadline; turn += 1) {
      const equipment = `machine-${number}-${turn}`;
      const variables = { equipment };
      const [instance] = await mediator.execute(
        new StartInstances([{ workflow: order.workflow, variables }]),
      );
      const id = instance?.id ?? '';
      await report(equipment, 'vibration', 7);
      await report(equipment, 'heat', 90);
      if (turn % REJECTED === 0) {
        await complete(id, 'look', 'rejected');
        await report(equipment, 'heat', 60);
        await complete(id, 'tune', 'done');
        await report(equipment, 'heat', 91);
      }
      await complete(id, 'look', 'confirmed');
      await complete(id, 'repair', 'done');
      done.instances += 1;
    }
  };
  await Promise.all(Array.from({ length: order.lanes }, lane));
  return { ...done, seconds: (performance.now() - since) / 1_000 };
}

/** As somebody finds it in a list. What a rejected look is followed by may come with a message, a moment later. */
async function taskOf(mediator: Mediator, instance: string, node: string): Promise<string> {
  for (let looks = 0; looks < 1_000; looks += 1) {
    const request = { instance_id: instance, status: 'open', limit: 2 } as const;
    const { items } = await mediator.ask(new ListUserTasks(request, ACTOR));
    const task = items.find((one) => one.node === node);
    if (task) return task.id;
    await delay(5);
  }
  throw new Error(`Nobody is asked at ${node} of ${instance}`);
}

/** Machines of which one criterion holds already; then the other one, of one machine after the other, at its time. */
export async function signalAt(
  mediator: Mediator,
  order: Order & { do: 'signal-at' },
): Promise<number[]> {
  const total = Math.round(order.perSecond * order.seconds);
  const machines = Array.from({ length: total }, () => `machine-${(machinesMade += 1)}`);
  for (let at = 0; at < total; at += AT_ONCE) {
    const some = machines.slice(at, at + AT_ONCE);
    const requests = some.map((equipment) => ({
      workflow: order.workflow,
      variables: { equipment },
    }));
    await mediator.execute(new StartInstances(requests));
    const news = some.map((key) => ({ name: 'vibration', key, data: { value: 7 } }));
    await mediator.execute(new ReportSignals(news));
  }
  await delay(2_000); // what the preparation has left to the relay must not be measured
  const since = performance.now();
  const taken: Promise<number>[] = [];
  while (taken.length < total) {
    const due = Math.min(
      total,
      1 + Math.floor(((performance.now() - since) * order.perSecond) / 1_000),
    );
    while (taken.length < due) {
      const at = since + (taken.length * 1_000) / order.perSecond;
      const news = { name: 'heat', key: machines[taken.length] ?? '', data: { value: 90 } };
      taken.push(
        mediator.execute(new ReportSignals([news])).then((heard) => {
          if (heard[0] !== 1) throw new Error('A signal was not heard');
          return performance.now() - at;
        }),
      );
    }
    await delay(1);
  }
  return Promise.all(taken);
}
