import { type App, bootApp } from '../../test/support/app.js';
import { chain, newKey, publish, WorkflowRun } from '../../test/support/workflow-runs.js';
import { DropHistory, PrepareHistory } from './commands/keep-history.js';
import { PurgeInstances } from './commands/purge-instances.js';
import { DEFAULT_PARTITION, firstIdOf, partitionOf } from './history-partitions.js';
import { HistoryRepository } from './history.repository.js';
import { Ids } from '../kernel/ids.js';

const DAY_MS = 86_400_000;
const clock = { at: Date.now(), now: () => new Date(clock.at) };

let app: App;
describe('the retention of workflows', () => {
  beforeEach(async () => {
    clock.at = Date.now();
    app = await bootApp({ env: { ROLES: 'api,worker,relay' }, clock });
    for (const name of await namesOf())
      if (name !== DEFAULT_PARTITION) await app.sql(`drop table workflows.${name}`);
  });

  const pack = { id: 'pack', type: 'task', kind: 'human' };
  const placeOf = async ({ id }: WorkflowRun) => {
    const rows = await app.sql<{ name: string }>(
      'select distinct tableoid::regclass::text as name from workflows.history where instance_id = $1',
      [id],
    );
    return rows.map(({ name }) => name);
  };
  const prepare = async (): Promise<number> => {
    let made = 0;
    while ((await app.execute(new PrepareHistory(3))) > 0) made += 1;
    return made;
  };
  const purge = () => app.execute(new PurgeInstances(30, null, 100));
  const drop = async (): Promise<void> => {
    while ((await app.execute(new DropHistory(30, 100))) > 0);
  };
  const namesOf = () => app.get(HistoryRepository).names();
  const today = () => partitionOf(clock.now());

  it('makes partitions ahead, once, and each instance keeps its history in that of its start', async () => {
    expect(await prepare()).toBe(3);
    expect(await prepare()).toBe(0);
    const key = await publish(app, chain(newKey(), [pack]));
    const run = await WorkflowRun.start(app, key);
    clock.at += DAY_MS;
    await run.complete('pack');
    clock.at -= DAY_MS;
    expect(await placeOf(run)).toEqual([`workflows.${today()}`]);
    expect(await run.steps()).toEqual(['start', 'pack']);
    await run.expectHistoryToGiveState();
  });

  it('keeps the history also of days that nobody has made a partition for', async () => {
    const key = await publish(app, chain(newKey(), [pack]));
    const run = await WorkflowRun.start(app, key);
    expect(await placeOf(run)).toEqual(['workflows.history_default']);
    // Today's lies there already; the others can still be made.
    expect(await prepare()).toBe(2);
    await run.complete('pack');
    await run.expectHistoryToGiveState();
    clock.at += 31 * DAY_MS;
    expect(await purge()).toMatchObject({ deleted: 1 });
    await drop();
    expect(await placeOf(run)).toEqual([]);
  });

  it('deletes what has ended long ago, with all that belongs to it, and nothing else', async () => {
    await prepare();
    const key = await publish(app, chain(newKey(), [pack], { indexes: ['n'] }));
    const [over, running] = [
      await WorkflowRun.start(app, key, { n: 1 }),
      await WorkflowRun.start(app, key, { n: 2 }),
    ];
    await over.complete('pack');
    clock.at += 29 * DAY_MS;
    expect(await purge()).toMatchObject({ deleted: 0 });
    clock.at += 2 * DAY_MS;
    expect(await purge()).toEqual({ deleted: 1, last: null });
    expect((await app.http.get(`/workflow-instances/${over.id}`)).status).toBe(404);
    expect((await app.http.get(`/workflow-instances/${over.id}/history`)).status).toBe(404);
    const left = await app.sql('select instance_id from workflows.user_task');
    expect(left).toEqual([{ instance_id: running.id }]);
    expect(await app.sql('select value from workflows.instance_variable')).toEqual([
      { value: '2' },
    ]);
    const name = today();
    await drop();
    // Somebody still runs, so the partition stays, and after as long again it holds nobody else.
    clock.at += 31 * DAY_MS;
    await drop();
    expect([await placeOf(over), (await placeOf(running)).length]).toEqual([[], 1]);
    expect(await namesOf()).toContain((await placeOf(running)).join().replace('workflows.', ''));
    expect(name).not.toBe(today());
    await running.complete('pack');
    clock.at += 31 * DAY_MS;
    await purge();
    await drop();
    expect(await namesOf()).toEqual(['history_default']);
  });

  it('walks over instances a part at a time', async () => {
    const key = await publish(app, chain(newKey(), [pack]));
    const runs = [await WorkflowRun.start(app, key), await WorkflowRun.start(app, key)];
    for (const run of runs) await run.tell({ type: 'cancel' });
    clock.at += 31 * DAY_MS;
    const first = await app.execute(new PurgeInstances(30, null, 1));
    expect(first).toEqual({ deleted: 1, last: runs[0]?.id });
    expect(await app.execute(new PurgeInstances(30, first.last, 1))).toMatchObject({ deleted: 1 });
  });

  it('takes the first id of an instant for smaller than all that are made then', () => {
    const before = firstIdOf(new Date());
    const id = new Ids().next();
    expect(before < id && id < firstIdOf(new Date(Date.now() + 1_000))).toBe(true);
  });
});
