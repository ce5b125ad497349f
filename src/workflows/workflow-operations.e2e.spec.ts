import { type App, bootApp } from '../../test/support/app.js';
import { problemIn } from '../../test/support/http-client.js';
import {
  chain,
  newKey,
  publish,
  startChain,
  WorkflowRun,
} from '../../test/support/workflow-runs.js';
import type { JsonObject } from './definition/json.js';
import type { InstanceView } from './workflow-instances.dto.js';

let app: App;
describe('operations of one instance', () => {
  beforeAll(async () => {
    app = await bootApp({ shared: true });
  });
  afterAll(() => app.stop());

  const human = (id: string, more: JsonObject = {}): JsonObject => {
    return { id, type: 'task', kind: 'human', ...more };
  };
  const operate = ({ id }: WorkflowRun, what: string, body: object = {}) =>
    app.http.post<InstanceView>(`/workflow-instances/${id}/${what}`, body);
  const fieldsOf = (answer: Awaited<ReturnType<typeof operate>>) =>
    problemIn(answer).errors?.map(({ field }) => field);

  it('a pause keeps what is told, and nothing begins before the resume', async () => {
    const run = await startChain(app, [human('pack'), human('send')]);
    expect(await operate(run, 'pause')).toMatchObject({ status: 200, body: { paused: true } });
    await run.complete('pack');
    expect(await run.view()).toMatchObject({ paused: true, status: 'running' });
    expect(await run.positions()).toMatchObject([{ node: 'send', status: 'ready' }]);
    expect(await operate(run, 'resume')).toMatchObject({ status: 200, body: { paused: false } });
    expect(await run.positions()).toMatchObject([{ node: 'send', status: 'waiting' }]);
    await run.expectHistoryToGiveState();
  });

  it('a pause may be of one node', async () => {
    const run = await startChain(app, [human('pack'), human('send'), human('bill')]);
    await operate(run, 'pause', { node: 'send' });
    await run.complete('pack');
    expect(await run.positions()).toMatchObject([{ node: 'send', status: 'ready' }]);
    await operate(run, 'resume', { node: 'send' });
    await run.complete('send');
    expect(await run.waiting()).toEqual(['bill']);
    await run.expectHistoryToGiveState();
  });

  it('a token is moved, and what it waited for is withdrawn', async () => {
    const run = await startChain(app, [human('pack'), human('send')]);
    const [{ token } = { token: 0 }] = await run.positions();
    const { id } = await run.userTask('pack');
    expect((await operate(run, 'modify', { token, to: 'send' })).status).toBe(200);
    expect(await run.waiting()).toEqual(['send']);
    expect((await app.http.get(`/user-tasks/${id}`)).body).toMatchObject({ status: 'cancelled' });
    await operate(run, 'modify', { to: 'pack' });
    expect(await run.waiting()).toEqual(['send', 'pack']);
    await run.expectHistoryToGiveState();
  });

  it('variables that are set let a condition hold', async () => {
    const paid = { id: 'paid', type: 'wait', condition: 'amount > 10' };
    const run = await startChain(app, [paid, human('send')], { amount: 0 });
    expect(await run.waiting()).toEqual(['paid']);
    const { body } = await operate(run, 'variables', { variables: { amount: 12 } });
    expect(body.variables).toEqual({ amount: 12 });
    expect(await run.waiting()).toEqual(['send']);
  });

  it('a node that is done many times takes more', async () => {
    const run = await startChain(
      app,
      [human('check', { each: { items: 'pumps', dynamic: true } })],
      { pumps: ['a'] },
    );
    const [{ token } = { token: 0 }] = await run.positions();
    await operate(run, 'extend', { token, items: ['b', 'c'] });
    expect(await run.waiting()).toEqual(['check', 'check', 'check']);
  });

  it('come by message, too', async () => {
    const run = await startChain(app, [human('pack'), human('send')]);
    await app.send('workflows', `instances/${run.id}/pause`, {});
    await app.settle();
    expect(await run.view()).toMatchObject({ paused: true });
    await app.send('workflows', `instances/${run.id}/variables`, { variables: { n: 1 } });
    await app.send('workflows', `instances/${run.id}/resume`, {});
    await app.settle();
    expect(await run.view()).toMatchObject({ paused: false, variables: { n: 1 } });
  });

  it('name what is wrong with them', async () => {
    const run = await startChain(app, [human('pack')]);
    const [{ token } = { token: 0 }] = await run.positions();
    expect(fieldsOf(await operate(run, 'pause', { node: 'nowhere' }))).toEqual(['node']);
    expect(fieldsOf(await operate(run, 'modify', { to: 'nowhere' }))).toEqual(['to']);
    expect(fieldsOf(await operate(run, 'modify', { token: 99, to: 'pack' }))).toEqual(['token']);
    expect(fieldsOf(await operate(run, 'extend', { token }))).toEqual(['token']);
    expect(fieldsOf(await operate(run, 'variables', { variables: {} }))).toEqual(['variables']);
    const both = { token, items: [1], count: 2 };
    expect(fieldsOf(await operate(run, 'extend', both))).toEqual(['count']);
    expect((await operate(run, 'modify', {})).status).toBe(422);
  });

  it('are refused by an instance that has ended', async () => {
    const workflow = await publish(app, chain(newKey(), [{ id: 'end', type: 'end' }]));
    const run = await WorkflowRun.start(app, workflow);
    for (const what of ['pause', 'resume']) expect((await operate(run, what)).status).toBe(409);
    expect((await operate(run, 'variables', { variables: { n: 1 } })).status).toBe(409);
  });
});
