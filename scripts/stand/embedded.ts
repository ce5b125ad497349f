import { spawn } from 'node:child_process';
import { mkdirSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { projectFolder, removeFolder, standFolder } from '../services/folders.ts';
import { copiedBinaries } from '../services/postgres-binaries.ts';
import { dataFolder } from './data-folder.ts';
import { tail } from '../services/daemon.ts';
import { printStep, StandError } from './steps.ts';
import {
  forgetState,
  logsFolder,
  readState,
  runningStand,
  supervisorScript,
  type StandState,
} from './state.ts';

/** Where the program serves its simulated providers unless it is told otherwise. */
const SIMULATOR_PORTS = { SIMULATOR_FREE_PORT: 2197, SIMULATOR_PAID_PORT: 2198 };
const START_DEADLINE_MS = 120_000;
const STOP_DEADLINE_MS = 60_000;

/** Brings the stand up and waits until it serves. Does nothing when it is up with this build already. */
export async function up(port: number, digest: string): Promise<void> {
  const running = runningStand();
  if (running?.phase === 'ready' && running.digest === digest && running.port === port) {
    console.log('The stand is up already, with this build.');
    return;
  }
  if (running) {
    console.log(
      running.digest === digest
        ? 'Starting the stand again ...'
        : 'The build changed: starting the stand again ...',
    );
    await down();
  }
  await demandFreePort('PORT', port);
  for (const [name, fallback] of Object.entries(SIMULATOR_PORTS))
    await demandFreePort(name, Number(process.env[name] || fallback));
  forgetState();
  await waitUntilReady(startSupervisor(port, digest));
}

/** Ends the supervisor and everything under it; says whether there was one. */
export async function down(): Promise<boolean> {
  const running = runningStand();
  if (running) {
    process.kill(running.pid, 'SIGTERM');
    const deadline = Date.now() + STOP_DEADLINE_MS;
    while (runningStand()) {
      if (Date.now() > deadline) process.kill(running.pid, 'SIGKILL'); // the guards end what is under it
      await delay(100);
    }
  }
  forgetState();
  return running !== undefined;
}

/** Deletes the data, also where it lies outside of `.stand/`, and the copied binaries. */
export async function clean(): Promise<void> {
  for (const folder of [dataFolder(), copiedBinaries()]) if (folder) await removeFolder(folder);
  for (const pointer of ['postgres-data', 'postgres-binaries'])
    await removeFolder(join(standFolder, pointer));
}

function startSupervisor(port: number, digest: string): number {
  mkdirSync(logsFolder, { recursive: true });
  const log = openSync(join(logsFolder, 'stand.log'), 'w');
  const supervisor = spawn(process.execPath, [supervisorScript], {
    cwd: projectFolder,
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, PORT: String(port), STAND_DIGEST: digest },
  });
  supervisor.unref();
  if (supervisor.pid === undefined) throw new StandError('The stand cannot be started');
  return supervisor.pid;
}

async function waitUntilReady(pid: number): Promise<void> {
  const deadline = Date.now() + START_DEADLINE_MS;
  let printed = 0;
  for (;;) {
    const state = readState();
    printed += printFinishedSteps(state, printed);
    if (state?.phase === 'ready') return;
    if (state?.phase === 'failed') {
      await down();
      throw new StandError(state.problem ?? 'The stand did not come up');
    }
    if (!isAlive(pid))
      throw new StandError(`The stand ended:\n${await tail(join(logsFolder, 'stand.log'))}`);
    if (Date.now() > deadline)
      throw new StandError(`The stand is not ready in time; see ${logsFolder}`);
    await delay(50);
  }
}

function printFinishedSteps(state: StandState | undefined, printed: number): number {
  const finished = state?.steps.filter((step) => step.endedAt !== undefined).slice(printed) ?? [];
  for (const { title, startedAt, endedAt = startedAt } of finished)
    printStep(title, endedAt - startedAt);
  return finished.length;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function demandFreePort(variable: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', () => {
      const hint = `free it, or choose another one: make all ${variable}=${port + 1}`;
      reject(new StandError(`Port ${port} is taken by another program: ${hint}`));
    });
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve()));
  });
}
