import { type App, bootApp } from '../../test/support/app.js';
import { readPattern } from '../../test/support/workflow-patterns.js';
import {
  chain,
  type Draft,
  newKey,
  publish,
  startChain,
  WorkflowRun,
} from '../../test/support/workflow-runs.js';
import { ReportSignals } from './commands/report-signals.js';
import { StartInstances } from './commands/start-instances.js';

const CHILDREN = 1_000;
const TURNS = 5_000;
/** Of one command. */
const SIGNALS = 500;
const DEPTH = 50;
const TIMERS = 1_000;
const TIMERS_WITHIN_MS = 15_000;

let app: App;
describe('a large workflow, through Postgres', () => {
  beforeAll(async () => {
    app = await bootApp({ shared: true });
  });
  afterAll(() => app.stop());

  const count = async (where: string, ...values: unknown[]): Promise<number> => {
    const sql = `select count(*)::int as count from workflows.instance where ${where}`;
    const [row] = await app.sql<{ count: number }>(sql, values);
    return row?.count ?? 0;
  };

  it('calls another one a thousand times at once, each time with its own item', async () => {
    const child = await publish(
      app,
      chain(newKey(), [{ id: 'twice', type: 'task', kind: 'set', config: { twice: '=n * 2' } }]),
    );
    const call = { workflow: child, input: { n: '=index' } };
    const run = await startChain(app, [
      { id: 'all', type: 'scope', each: { count: CHILDREN }, call },
    ]);
    expect(await run.view()).toMatchObject({ status: 'completed', incidents: 0 });
    expect(await count(`key = $1 and status = 'completed'`, child)).toBe(CHILDREN);
    const [sum] = await app.sql(
      `select sum((state->'variables'->>'twice')::int)::int as sum from workflows.instance where key = $1`,
      [child],
    );
    expect(sum).toEqual({ sum: CHILDREN * (CHILDREN - 1) });
    await run.expectHistoryToGiveState();
  });

  it('goes round a loop with a wait for thousands of turns, the last as cheaply as the first', async () => {
    const key = newKey();
    await publish(app, {
      key,
      nodes: [
        { id: 'start', type: 'start' },
        { id: 'wait', type: 'wait', signal: { name: key } },
        { id: 'count', type: 'task', kind: 'set', config: { turns: '=turns + 1' } },
        { id: 'end', type: 'end' },
      ],
      flows: [
        { from: 'start', to: 'wait' },
        { from: 'wait', to: 'count' },
        { from: 'count', when: `turns < ${String(TURNS)}`, to: 'wait' },
        { from: 'count', otherwise: true, to: 'end' },
      ],
    });
    const run = await WorkflowRun.start(app, key, { turns: 0 });
    const size = JSON.stringify(await run.state()).length;
    const signals = Array.from({ length: SIGNALS }, () => ({ name: key, key: null, data: null }));
    const took: number[] = [];
    for (let turns = 0; turns < TURNS; turns += SIGNALS) {
      if (turns > 0) expect(JSON.stringify(await run.state()).length).toBeLessThan(size + 20);
      const since = performance.now();
      await app.execute(new ReportSignals(signals));
      took.push(performance.now() - since);
    }
    const { status, variables } = await run.view();
    expect({ status, variables }).toEqual({ status: 'completed', variables: { turns: TURNS } });
    // Generous, because others use the machine, too; what grows with the square would be ten times.
    expect(Math.min(...took.slice(-3))).toBeLessThan(4 * Math.min(...took.slice(0, 3)));
  });

  it('calls itself 50 deep, and comes back from each call', async () => {
    const key = await publish(app, readPattern('22-recursion.json') as Draft);
    const run = await WorkflowRun.start(app, key, { depth: DEPTH });
    await app.until(async () => (await run.view()).status !== 'running', { withinMs: 20_000 });
    expect(await run.view()).toMatchObject({ status: 'completed', incidents: 0 });
    expect(await count(`key = $1 and status = 'completed'`, key)).toBe(DEPTH + 1);
    const [deepest] = await app.sql(
      'select max(depth)::int as depth from workflows.instance where key = $1',
      [key],
    );
    expect(deepest).toEqual({ depth: DEPTH });
  });

  it('has a thousand timers fire that are due at once, each of them once', async () => {
    const key = newKey();
    await publish(app, chain(key, [{ id: 'until', type: 'wait', timer: '=at' }]));
    const at = new Date(Date.now() + 2_000);
    const request = { workflow: key, variables: { at: at.toISOString() } };
    await app.execute(new StartInstances(Array.from({ length: TIMERS }, () => request)));
    expect(await count(`key = $1 and status = 'running'`, key)).toBe(TIMERS);
    await app.until(async () => (await count(`key = $1 and status = 'running'`, key)) === 0, {
      withinMs: TIMERS_WITHIN_MS + 2_000,
    });
    // Two decisions each: the start, and the one that the timer has caused.
    expect(await count(`key = $1 and status = 'completed' and seq = 2`, key)).toBe(TIMERS);
    const [last] = await app.sql<{ first: Date; last: Date }>(
      'select min(ended_at) as first, max(ended_at) as last from workflows.instance where key = $1',
      [key],
    );
    expect(last?.first.getTime()).toBeGreaterThanOrEqual(at.getTime());
    expect(last?.last.getTime()).toBeLessThan(at.getTime() + TIMERS_WITHIN_MS);
  });
});
