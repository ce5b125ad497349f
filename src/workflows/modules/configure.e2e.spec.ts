import { type App, bootApp } from '../../../test/support/app.js';
import { problemIn } from '../../../test/support/http-client.js';
import { signUp } from '../../../test/support/users.js';
import { startChain } from '../../../test/support/workflow-runs.js';
import type { ConfigView } from '../workflows.dto.js';

describe('the module configure', () => {
  const limit = { limit: { schema: { type: 'number', minimum: 1 }, default: 5 } };
  const node = { id: 'set', type: 'task', kind: 'configure', config: { limit: '=wanted' } };

  const configured = async (app: App, wanted: number) => {
    const run = await startChain(app, [node], { wanted }, { config: limit });
    const { workflow } = await run.view();
    const { body } = await app.http.get<ConfigView>(`/workflows/${workflow}/config`);
    return { run, limit: body.effective['limit'] };
  };

  it('sets what the config declares, or has an incident that names it', async () => {
    const app = await bootApp();
    const good = await configured(app, 7);
    expect(good.limit).toBe(7);
    expect((await good.run.view()).status).toBe('completed');
    const bad = await configured(app, 0);
    expect(bad.limit).toBe(5);
    expect(await bad.run.positions()).toMatchObject([
      {
        incident: {
          code: 'invalid-config',
          message: expect.stringContaining('config.limit: ') as string,
        },
      },
    ]);
  });

  it('works for workflows only, not for a task that somebody makes himself', async () => {
    const app = await bootApp({ env: { AUTH_MODE: 'required' } });
    const { bearer } = await signUp(app);
    const payload = {
      module: 'configure',
      config: { limit: 9 },
      instance_id: '019aa3a4-5b6c-7d8e-9f00-112233445566',
      workflow: 'any',
      node: 'set',
      idempotency_key: 'mine',
    };
    const task = { kind: 'workflow.module', payload };
    const refused = await app.http.post('/tasks', task, bearer);
    expect(problemIn(refused).type).toContain('unknown-task-kind');
  });
});
