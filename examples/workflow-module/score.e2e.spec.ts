import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import getPort from 'get-port';
import { projectFolder } from '../../scripts/services/folders.ts';
import { query } from '../../scripts/services/postgres.ts';
import type { JsonObject } from '../../src/workflows/definition/json.js';
import { type App, bootApp } from '../../test/support/app.js';
import { HttpClient } from '../../test/support/http-client.js';
import { testDatabase } from '../../test/support/services.js';
import { until } from '../../test/support/until.js';
import { type Draft, publish, WorkflowRun } from '../../test/support/workflow-runs.js';
import { ScoreModule } from './score.module.js';

interface Modules {
  readonly items: { name: string; outcomes: string[]; config_schema: object }[];
}

const loan = JSON.parse(readFileSync(join(import.meta.dirname, 'loan.json'), 'utf8')) as Draft;

const scoreIn = async (http: HttpClient) =>
  (await http.get<Modules>('/workflow-modules')).body.items.find(({ name }) => name === 'score');

describe('a module of one’s own', () => {
  let app: App;

  beforeAll(async () => {
    app = await bootApp({ modules: [ScoreModule], shared: true });
    await publish(app, loan);
  });
  afterAll(() => app.stop());

  const asked = async (variables: JsonObject): Promise<WorkflowRun> => {
    const run = await WorkflowRun.start(app, 'loan', variables);
    await app.settle();
    return run;
  };

  it('stands among the others, with the schema of its config', async () => {
    expect(await scoreIn(app.http)).toMatchObject({
      outcomes: ['affordable', 'doubtful'],
      config_schema: { required: ['amount', 'months', 'income'] },
    });
  });

  it('decides where its process goes on', async () => {
    const good = await asked({ amount: 9_000, months: 36, income: 2_000 });
    expect(await good.view()).toMatchObject({
      status: 'completed',
      outcome: 'granted',
      variables: { score: { score: 100 } },
    });
    const bad = await asked({ amount: 90_000, months: 36, income: 2_000, debts: 500 });
    expect((await bad.userTask('look')).title).toBe('A loan of 90000 with a score of 12');
    await bad.complete('look', { outcome: 'refused' });
    expect((await bad.view()).outcome).toBe('refused');
  });

  it('is given only what its schema takes', async () => {
    const run = await asked({ amount: -1, months: 36, income: 2_000 });
    const [position] = await run.positions();
    expect(position?.incident).toMatchObject({
      code: 'invalid-config',
      message: expect.stringContaining('config.amount: ') as string,
    });
  });
});

it('runs beside the stand, in a database of its own', async () => {
  const database = await testDatabase({ template: 'empty' });
  const port = await getPort();
  const child = spawn('npm', ['run', '--silent', 'example:score'], {
    cwd: projectFolder,
    env: {
      PATH: process.env['PATH'] ?? '',
      DATABASE_URL: database.url,
      AUTH_MODE: 'open',
      EXAMPLE_PORT: String(port),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      log += chunk;
    });
  try {
    await until(
      () => {
        if (child.exitCode !== null) throw new Error(`It has ended:\n${log}`);
        return log.includes('The score example is up');
      },
      { withinMs: 60_000 },
    );
    expect((await scoreIn(new HttpClient(`http://127.0.0.1:${port}`)))?.name).toBe('score');
  } finally {
    child.kill('SIGTERM');
    await exited;
    const name = `${new URL(database.url).pathname.slice(1)}_score`;
    await query(database.url, `drop database if exists "${name}" with (force)`);
    await database.release();
  }
}, 90_000);
