import { z } from 'zod';
import { type App, bootApp } from '../../test/support/app.js';
import { chain, newKey, publish, WorkflowRun } from '../../test/support/workflow-runs.js';
import { envSchema } from '../kernel/env.js';
import { WORKFLOW_EVENT_CONTRACTS } from './workflow.contracts.js';

const ALL = WORKFLOW_EVENT_CONTRACTS.map(({ type }) => type).sort();
const NAMES = ALL.map((type) => /^workflows\.(.+)\.v1$/.exec(type)?.[1] ?? type);

/** What a contract's schema does not know is cut off by it, so nothing may be missing afterwards. */
function breakOf(type: string, data: unknown): string | undefined {
  const contract = WORKFLOW_EVENT_CONTRACTS.find((one) => one.type === type);
  if (!contract) return `${type} has no contract`;
  const parsed = contract.schema.safeParse(data);
  if (!parsed.success) return `${type}: ${z.prettifyError(parsed.error)}`;
  const undeclared = Object.keys(data as object).filter((key) => !(key in (parsed.data as object)));
  return undeclared.length === 0 ? undefined : `${type}: undeclared ${undeclared.join(', ')}`;
}

async function makeEveryEvent(app: App): Promise<void> {
  const human = { id: 'pack', type: 'task', kind: 'human' };
  const people = await publish(app, chain(newKey(), [human]));
  await (await WorkflowRun.start(app, people)).complete('pack');
  const left = await WorkflowRun.start(app, people);
  const { id } = await left.userTask('pack');
  await app.http.post(`/user-tasks/${id}/claim`);
  await left.tell({ type: 'cancel' });
  const throws = { id: 'give_up', type: 'end', error: { code: 'no-stock', message: 'Sold out' } };
  await WorkflowRun.start(app, await publish(app, chain(newKey(), [throws])));
  const broken = { id: 'sum', type: 'task', kind: 'set', config: { n: '=n + "a"' } };
  await WorkflowRun.start(app, await publish(app, chain(newKey(), [broken])), { n: 1 });
}

describe('the events that workflows publish', () => {
  it('keep their contracts, every one of them', async () => {
    const app = await bootApp({ env: { WORKFLOWS_EVENTS: NAMES.join(',') } });
    const events = await app.watch('workflows.#');
    await makeEveryEvent(app);
    await app.until(() => {
      const seen = new Set(events.all.map(({ routingKey }) => routingKey));
      return ALL.every((type) => seen.has(type));
    });
    const broken = events.all.map(({ routingKey, body }) => breakOf(routingKey, body));
    expect(broken.filter((line) => line !== undefined)).toEqual([]);
  });

  it('are those that can be switched on', () => {
    const schema = envSchema.shape.WORKFLOWS_EVENTS;
    expect(schema.parse(NAMES.join(','))).toEqual(NAMES);
    expect(schema.safeParse('instance-lost').success).toBe(false);
  });
});
