import fc from 'fast-check';
import { type App, bootApp } from '../../test/support/app.js';
import { aimed, chaosDraft, commands, values } from '../../test/support/workflow-chaos.js';
import { newKey, WorkflowRun } from '../../test/support/workflow-runs.js';
import { TellInstances } from './commands/tell-instances.js';
import { restoreState, ROOT, type InstanceState, type Token } from './engine/state.js';
import type { HeatView } from './workflow-control.dto.js';

let app: App;
let key: string;

describe('an instance that is told anything, through Postgres', () => {
  beforeAll(async () => {
    // Nothing moves but what the test moves.
    app = await bootApp({ env: { ROLES: 'api' }, shared: true });
    key = newKey('chaos');
    const now = new Date();
    // Its joins can deadlock, so it could not be published.
    await app.http.send('PUT', `/workflows/${key}/draft`, { body: chaosDraft(key) });
    await app.sql(
      `insert into workflows.workflow_version (key, version, definition, published_at)
       select key, 1, draft, $2 from workflows.workflow where key = $1`,
      [key, now],
    );
    await app.sql('update workflows.workflow set latest = 1 where key = $1', [key]);
  });
  afterAll(() => app.stop());

  const runs: WorkflowRun[] = [];
  const stateOf = async (run: WorkflowRun): Promise<InstanceState> =>
    restoreState(await run.state());
  const tokensOf = ({ tokens }: InstanceState): Token[] => [...tokens.values()];

  async function expectTablesToAgree(run: WorkflowRun): Promise<void> {
    await run.expectHistoryToGiveState();
    const tokens = tokensOf(await stateOf(run));
    const rows = (sql: string) => app.sql(sql, [run.id]);
    const stuck = tokens.flatMap(({ id, node, incident }) =>
      incident ? [{ token: id, node, code: incident.code }] : [],
    );
    expect(
      await rows(
        'select token, node, code from workflows.incident where instance_id = $1 order by token',
      ),
    ).toEqual(stuck);
    expect(await rows('select incidents from workflows.instance where id = $1')).toEqual([
      { incidents: stuck.length },
    ]);
    const asked = tokens.filter(({ wait }) => wait?.for === 'human');
    expect(
      await rows(
        `select token, attempt from workflows.user_task where instance_id = $1 and status = 'created'`,
      ),
    ).toEqual(expect.arrayContaining(asked.map(({ id, attempt }) => ({ token: id, attempt }))));
    const listening = tokens.flatMap(({ id, subscriptions = {} }) =>
      Object.keys(subscriptions).map((slot) => `${String(id)}/${slot}`),
    );
    const subscribed = await app.sql<{ slot: string }>(
      `select token || '/' || slot as slot from workflows.subscription where instance_id = $1`,
      [run.id],
    );
    expect(subscribed.map(({ slot }) => slot).sort()).toEqual(listening.sort());
  }

  it('has the state that its history gives, and every table agrees with it', async () => {
    const script = fc.array(commands, { maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(values, script, async (people, told) => {
        const run = await WorkflowRun.start(app, key, { people, n: 0, limit: 5 });
        runs.push(run);
        for (const one of told) {
          const command = aimed(await stateOf(run), one);
          await app.execute(new TellInstances([{ instanceId: run.id, command }]));
        }
        await expectTablesToAgree(run);
      }),
      { numRuns: 40, endOnFailure: true },
    );
  }, 90_000);

  it('is counted in the heat as it is', async () => {
    const expected = new Map<string, number>();
    let running = 0;
    for (const run of runs) {
      const state = await stateOf(run);
      if (state.status === 'running') running += 1;
      for (const { id, node, wait } of tokensOf(state))
        if (id !== ROOT && wait?.for !== 'each') expected.set(node, (expected.get(node) ?? 0) + 1);
    }
    const { body } = await app.http.get<HeatView>(`/workflows/${key}/heat`);
    const counted = body.nodes.filter(({ tokens }) => tokens > 0);
    expect(new Map(counted.map(({ node, tokens }) => [node, tokens]))).toEqual(expected);
    expect([body.running, body.running + body.ended]).toEqual([running, runs.length]);
  });
});
