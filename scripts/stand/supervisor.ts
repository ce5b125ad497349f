/**
 * The parent of the embedded stand: starts Postgres, migrates, runs the program and starts it again with a growing pause
 * when it dies. Started in the background by `make all`; SIGTERM ends everything in good order.
 */
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import getPort, { portNumbers } from 'get-port';
import { spawnDaemon, tail } from '../services/daemon.ts';
import { programFlags } from '../services/program-flags.ts';
import { projectFolder } from '../services/folders.ts';
import { startPostgres } from '../services/postgres.ts';
import { Service } from '../services/service.ts';
import { dataFolder, newDataFolder } from './data-folder.ts';
import { logsFolder, mailFolder, writeStandEnv, writeState, type StandState } from './state.ts';

const HEALTHY_AFTER_MS = 60_000;
const LONGEST_PAUSE_MS = 30_000;

const port = Number(process.env['PORT'] ?? 8000);
const ending = new AbortController();
const services: Service[] = [];
const state: StandState = {
  pid: process.pid,
  port,
  digest: process.env['STAND_DIGEST'] ?? '',
  steps: [],
  phase: 'starting',
  restarts: 0,
};

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => ending.abort());

try {
  await bringUp();
  update({ phase: 'ready' });
  while (!ending.signal.aborted) await watch();
} catch (error) {
  if (!ending.signal.aborted) fail(error);
} finally {
  for (const service of services.reverse()) await service.stop();
}

async function bringUp(): Promise<void> {
  const env: NodeJS.ProcessEnv = {
    ...providersAtSimulators(),
    MAIL_URL: mailFolder,
    AUTH_MODE: 'open',
    HOST: '127.0.0.1',
    ...process.env,
    PORT: String(port),
  };
  if (!env['DATABASE_URL']) {
    const postgres = await step('Postgres (embedded)', startDatabase);
    env['DATABASE_URL'] = postgres.url;
  }
  const { DATABASE_URL, AMQP_URL, REDIS_URL, MAIL_URL } = env;
  writeStandEnv({
    DATABASE_URL,
    AMQP_URL,
    REDIS_URL,
    MAIL_URL,
    PORT: String(port),
    AUTH_MODE: env['AUTH_MODE'],
  });
  await step('Migrations', () => migrate(env));
  await step('Program, all roles', () => startProgram(env));
}

/** The program finds its own simulators, also where their ports were moved. */
function providersAtSimulators(): Record<string, string> {
  const { SIMULATOR_FREE_PORT, SIMULATOR_PAID_PORT } = process.env;
  const [free, paid] = [SIMULATOR_FREE_PORT || '2197', SIMULATOR_PAID_PORT || '2198'];
  return {
    PROVIDER_FREE_URL: `http://127.0.0.1:${free}/v1/messages`,
    PROVIDER_PAID_URL: `http://127.0.0.1:${paid}/v1/messages`,
    PROVIDERS_PRIVATE_HOSTS: `127.0.0.1:${free},127.0.0.1:${paid}`,
  };
}

async function startDatabase(): Promise<Service> {
  const postgres = await startPostgres({
    folder: dataFolder() ?? newDataFolder(),
    logFile: logFile('postgres'),
    port: await getPort({ host: '127.0.0.1', port: portNumbers(54320, 54399) }),
    from: 'npm',
  });
  services.push(postgres);
  return postgres;
}

async function migrate(env: NodeJS.ProcessEnv): Promise<void> {
  const log = { file: logFile('migrate') };
  await execa(process.execPath, ['--enable-source-maps', join(projectFolder, 'dist/migrate.js')], {
    cwd: projectFolder,
    env,
    stdout: log,
    stderr: log,
  }).catch(async (error: unknown) => {
    throw new Error(`The migrations failed:\n${await tail(log.file)}`, { cause: error });
  });
}

async function startProgram(env: NodeJS.ProcessEnv): Promise<Service> {
  const url = `http://127.0.0.1:${port}`;
  const program = new Service(url, {
    name: 'The program',
    launch: () =>
      spawnDaemon({
        command: process.execPath,
        args: [...programFlags, join(projectFolder, 'dist/main.js')],
        cwd: projectFolder,
        env,
        logFile: logFile('app'),
        orphanSignal: 'SIGTERM',
      }),
    isReady: async () =>
      (await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(5_000) })).ok,
    wipe: () => Promise.resolve(),
    remove: () => Promise.resolve(),
  });
  services.push(program);
  return program.start();
}

/** Waits until something has died, and starts it again. */
async function watch(): Promise<void> {
  const since = Date.now();
  const dead = await firstDead();
  if (!dead) return;
  const wasHealthy = Date.now() - since > HEALTHY_AFTER_MS;
  const pauseMs = wasHealthy
    ? 0
    : Math.min(500 * 2 ** Math.min(state.restarts, 10), LONGEST_PAUSE_MS);
  const what = dead === services.at(-1) ? 'The program' : 'Postgres';
  console.error(`${new Date().toISOString()} ${what} died; starting it again in ${pauseMs} ms`);
  update({
    phase: 'restarting',
    restarts: state.restarts + 1,
    problem: `${what} died; see .stand/logs`,
  });
  await delay(pauseMs, undefined, { signal: ending.signal });
  try {
    await dead.start();
    update({ phase: 'ready', problem: undefined });
  } catch (error) {
    console.error(error);
  }
}

async function firstDead(): Promise<Service | undefined> {
  while (!ending.signal.aborted) {
    for (const service of services) if (!(await service.isAlive())) return service;
    await delay(250, undefined, { signal: ending.signal });
  }
  return undefined;
}

async function step<T>(title: string, work: () => Promise<T>): Promise<T> {
  ending.signal.throwIfAborted();
  const current = { title, startedAt: Date.now() };
  update({ steps: [...state.steps, current] });
  const result = await work();
  update({ steps: [...state.steps.slice(0, -1), { ...current, endedAt: Date.now() }] });
  return result;
}

function update(
  change: Omit<Partial<StandState>, 'problem'> & { problem?: string | undefined },
): void {
  const { problem, ...others } = change;
  Object.assign(state, others);
  if ('problem' in change) {
    if (problem === undefined) delete state.problem;
    else state.problem = problem;
  }
  writeState(state);
}

function fail(error: unknown): void {
  console.error(error);
  update({ phase: 'failed', problem: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
}

/** The log of the start before stays as `<name>.log.1`. */
function logFile(name: string): string {
  const file = join(logsFolder, `${name}.log`);
  if (existsSync(file)) renameSync(file, `${file}.1`);
  return file;
}
