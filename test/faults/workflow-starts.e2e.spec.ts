import { randomUUID } from 'node:crypto';
import { DeliverMessages } from '../../src/workflows/commands/deliver-messages.js';
import { FireStarts } from '../../src/workflows/commands/fire-starts.js';
import { PublishWorkflow } from '../../src/workflows/commands/publish-workflow.js';
import { ReportSignals } from '../../src/workflows/commands/report-signals.js';
import { TellInstances } from '../../src/workflows/commands/tell-instances.js';
import { type App, bootApp } from '../support/app.js';
import { chain, newKey, publish, WorkflowRun } from '../support/workflow-runs.js';
import { instancesOf, startedBy, triggerOf } from '../support/workflow-starts.js';
import { BrokenTrips } from './broken-trips.js';

const NOON = new Date('2030-03-10T12:00:00Z');
const clock = { at: NOON, now: () => clock.at };

let app: App;
let trips: BrokenTrips;

describe('what starts an instance, with the process killed after each statement, starts one', () => {
  beforeAll(async () => {
    app = await bootApp({ env: { ROLES: 'api' }, clock, shared: true });
    trips = new BrokenTrips();
  });
  afterEach(() => {
    clock.at = NOON;
  });
  afterAll(async () => {
    trips.restore();
    await app.stop();
  });

  const broken = async (act: () => Promise<unknown>): Promise<void> => {
    const before = trips.count;
    await trips.perform(act);
    expect(trips.count - before).toBeGreaterThan(2);
  };

  it('where it is a message that is sent again', async () => {
    const name = newKey('order');
    const key = await publish(app, startedBy({ message: { name } }));
    const message = { name, key: 'a', data: 1, id: randomUUID(), ttl: 60 };
    await broken(() => app.execute(new DeliverMessages([message])));
    expect(await instancesOf(app, key)).toMatchObject([{ business_key: 'a' }]);
    expect(await app.sql('select id from workflows.buffered_message')).toEqual([]);
  });

  it('where it is a report that is sent again', async () => {
    const signal = newKey('heat');
    const key = await publish(app, startedBy({ criterion: { signal, when: 'data > 5' } }));
    const report = { name: signal, key: 'a', data: 9 };
    await broken(() => app.execute(new ReportSignals([report])));
    expect(await instancesOf(app, key)).toMatchObject([{ business_key: 'a' }]);
  });

  it('where it is a time, and asks for the next one once', async () => {
    const key = await publish(app, startedBy({ timer: { cron: '0 * * * *' } }));
    clock.at = new Date('2030-03-10T13:00:00Z');
    const fire = { key, node: 'begin', at: clock.at.getTime() };
    await broken(() => app.execute(new FireStarts([fire])));
    expect(await instancesOf(app, key)).toHaveLength(1);
    expect(await triggerOf(app, key)).toMatchObject({ next_at: '2030-03-10T14:00:00.000Z' });
    const asked = await app.sql(
      `select due_at from kernel.delayed_message where payload like $1 order by due_at`,
      [`%"${key}"%`],
    );
    expect(asked.map((row) => (row['due_at'] as Date).getUTCHours())).toEqual([13, 14]);
  });

  it('where it is the end of another one', async () => {
    const wait = { id: 'go', type: 'wait', message: { name: newKey('go') } };
    const from = await publish(app, chain(newKey('from'), [wait]));
    const to = await publish(app, startedBy({}));
    await app.http.post('/workflow-links', { from: { workflow: from }, to });
    const { id: instanceId } = await WorkflowRun.start(app, from);
    const command = { type: 'message', name: wait.message.name } as const;
    await broken(() => app.execute(new TellInstances([{ instanceId, command }])));
    expect(await instancesOf(app, to)).toHaveLength(1);
    expect(await instancesOf(app, from)).toMatchObject([{ status: 'completed' }]);
  });

  it('of the version that was published, whichever of its statements was the last', async () => {
    const draft = startedBy({ timer: { cron: '0 * * * *' } });
    const key = await publish(app, draft);
    await broken(() => app.execute(new PublishWorkflow(key, null)));
    const { body } = await app.http.get<{ items: { version: number }[] }>(
      `/workflows/${key}/versions`,
    );
    expect(await triggerOf(app, key)).toMatchObject({ version: body.items[0]?.version });
    clock.at = new Date('2030-03-10T13:00:00Z');
    const fire = { key, node: 'begin', at: clock.at.getTime() };
    await app.execute(new FireStarts([fire]));
    expect(await instancesOf(app, key)).toHaveLength(1);
  });
});
