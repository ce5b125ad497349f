import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { projectFolder } from '../../../scripts/services/folders.js';
import { query } from '../../../scripts/services/postgres.js';
import { HttpClient } from '../../../test/support/http-client.js';
import { testDatabase } from '../../../test/support/services.js';
import { until } from '../../../test/support/until.js';

it('ends the process of a handler that ignores its abort signal, after the work at hand', async () => {
  const database = await testDatabase();
  const child = spawn(
    process.execPath,
    ['--import', './test/support/run-typescript.mjs', './test/support/leaky-app.child.ts'],
    {
      cwd: projectFolder,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        DATABASE_URL: database.url,
        AUTH_MODE: 'open',
        PORT: '0',
        EMULATE_FAILURE_PROBABILITY: '0',
      },
    },
  );
  const exited = once(child, 'exit');
  try {
    const lines: string[] = [];
    createInterface(child.stdout).on('line', (line) => lines.push(line));
    const up = await until(() => lines.find((line) => line.startsWith('up at ')));
    const http = new HttpClient(up.slice('up at '.length));
    const long = { kind: 'emulate', payload: { min_ms: 8_000, max_ms: 8_000 } };
    const { status } = await http.post('/tasks', [long, { kind: 'leak', payload: 1 }]);
    expect(status).toBe(201);
    const [code] = (await exited) as [number | null];
    expect(code).toBe(1);
    expect(await query(database.url, 'select kind, status from tasks.task order by kind')).toEqual([
      { kind: 'emulate', status: 'succeeded' },
      { kind: 'leak', status: 'failed' },
    ]);
  } finally {
    child.kill('SIGKILL');
    await database.release();
  }
}, 60_000);
