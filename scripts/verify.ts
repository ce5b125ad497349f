/**
 * `make verify`: every executable rule of the project. Steps run two at a time; each is shown with its duration, and
 * the output of those that failed is printed. Ends with `N passed, N failed`, and with exit code 1 if any failed.
 * In CI nothing is taken from caches: a cached lint result does not know that a type in another file has changed.
 */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startPostgres } from './services/postgres.ts';
import { sharedServices } from './services/test-services.ts';
import { breakingChanges } from './verify/api-history.ts';
import { hygieneProblems } from './verify/hygiene.ts';
import { textFiles } from './verify/repository.ts';

interface Outcome {
  readonly ok: boolean;
  readonly output: string;
  /** Shown also when nothing is wrong. */
  readonly note?: string;
}

interface Step {
  readonly name: string;
  readonly run: () => Promise<Outcome>;
}

const PARALLEL = 2;
const project = join(import.meta.dirname, '..');
const caches = join(project, 'node_modules/.cache/verify');
const cached = (...args: string[]): string[] => (process.env['CI'] ? [] : args);

/** A step that is a program from node_modules, run by this very Node. */
function tool(name: string, program: string, ...args: string[]): Step {
  return { name, run: () => start(join(project, 'node_modules', program), args) };
}

function start(program: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: project,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env, NODE_OPTIONS: '--experimental-vm-modules --no-warnings' },
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ ok: code === 0, output: Buffer.concat(chunks).toString() });
    });
  });
}

/** Migrations are compared with the mappings on a real Postgres, a private one unless tests have one running. */
async function compareMigrations(): Promise<Outcome> {
  const given = process.env['TEST_DATABASE_URL'] ?? sharedServices().TEST_DATABASE_URL;
  const own = given === undefined ? await startPostgres({ durable: false }) : undefined;
  const url = given ?? own?.url;
  try {
    const spec = 'test/architecture/migrations.int.spec.ts';
    return await start(join(project, 'node_modules/jest/bin/jest.js'), [spec], {
      NODE_ENV: 'test',
      TEST_DATABASE_URL: url,
    });
  } finally {
    await own?.dispose();
  }
}

function hygiene(): Promise<Outcome> {
  const problems = hygieneProblems(textFiles(project));
  return Promise.resolve({ ok: problems.length === 0, output: problems.join('\n') });
}

/** The committed OpenAPI and AsyncAPI documents are what the program generates today. */
function currentDocuments(): Promise<Outcome> {
  const npm = process.env['npm_execpath'];
  if (npm === undefined)
    return Promise.resolve({ ok: false, output: 'start this by `npm run verify`' });
  return start(npm, ['run', '--silent', 'openapi', '--', '--check']);
}

function compile(folder: string): Step {
  const name = folder === '.' ? 'types' : `types of ${folder}`;
  const state = join(caches, `${folder === '.' ? 'project' : folder}.tsbuildinfo`);
  const incremental = cached('--incremental', '--tsBuildInfoFile', state);
  return tool(name, 'typescript/bin/tsc', '-p', folder, '--noEmit', ...incremental);
}

const lintCache = join(caches, 'eslint/');
const steps: Step[] = [
  tool(
    'lint',
    'eslint/bin/eslint.js',
    '.',
    '--max-warnings=0',
    ...cached('--cache', '--cache-location', lintCache),
  ),
  compile('.'),
  compile('scripts'),
  tool(
    'rules are seen to fail',
    'jest/bin/jest.js',
    'test/architecture/',
    '--testPathIgnorePatterns',
    'int\\.spec',
    '/fixtures/',
  ),
  { name: 'migrations equal mappings', run: compareMigrations },
  { name: 'API documents are current', run: currentDocuments },
  { name: 'API breaks no promise', run: () => Promise.resolve(breakingChanges(project)) },
  tool('format', 'prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.'),
  tool(
    'dependencies',
    'dependency-cruiser/bin/dependency-cruise.mjs',
    'src',
    'scripts',
    'test',
    'examples',
    '--output-type',
    'err-long',
  ),
  tool('dead code', 'knip/bin/knip.js', '--no-config-hints', '--no-progress'),
  { name: 'hygiene', run: hygiene },
];

async function runStep({ name, run }: Step): Promise<boolean> {
  const since = performance.now();
  const {
    ok,
    output,
    note = '',
  } = await run().catch((error: unknown) => ({
    ok: false,
    output: String(error),
    note: '',
  }));
  const seconds = ((performance.now() - since) / 1000).toFixed(1).padStart(5);
  console.log(`${ok ? '✓' : '✗'} ${seconds} s  ${name}`);
  if (note !== '') console.log(`    ${note}`);
  if (!ok) console.log(output.trim().replace(/^/gm, '    '));
  return ok;
}

async function runAll(): Promise<boolean[]> {
  const waiting = [...steps];
  const results: boolean[] = [];
  const lane = async (): Promise<void> => {
    for (let step = waiting.shift(); step; step = waiting.shift())
      results.push(await runStep(step));
  };
  await Promise.all(Array.from({ length: PARALLEL }, lane));
  return results;
}

mkdirSync(caches, { recursive: true });
const results = await runAll();
const passed = results.filter(Boolean).length;
console.log(`${passed} passed, ${results.length - passed} failed`);
process.exitCode = passed === results.length ? 0 : 1;
