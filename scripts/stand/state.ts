import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execaSync } from 'execa';
import { projectFolder, standFolder } from '../services/folders.ts';

export interface Step {
  title: string;
  startedAt: number;
  endedAt?: number;
}

/** What the supervisor of the embedded stand says about itself, in `.stand/state.json`. */
export interface StandState {
  pid: number;
  port: number;
  /** Of the sources that its build came from. */
  digest: string;
  steps: Step[];
  phase: 'starting' | 'ready' | 'restarting' | 'failed';
  restarts: number;
  problem?: string;
}

const stateFile = join(standFolder, 'state.json');

/** The settings under which commands of this machine reach the stand; `npm run send` and others read it. */
export const standEnvFile = join(standFolder, 'env');
export const logsFolder = join(standFolder, 'logs');
/** Where the embedded stand puts every mail, as a file. */
export const mailFolder = join(standFolder, 'mail');
export const supervisorScript = join(projectFolder, 'scripts/stand/supervisor.ts');

export function readState(): StandState | undefined {
  return existsSync(stateFile)
    ? (JSON.parse(readFileSync(stateFile, 'utf8')) as StandState)
    : undefined;
}

/** Written beside and renamed, so that no reader sees half of it. */
export function writeState(state: StandState): void {
  writeFileSync(`${stateFile}.new`, JSON.stringify(state, undefined, 2));
  renameSync(`${stateFile}.new`, stateFile);
}

export function forgetState(): void {
  rmSync(stateFile, { force: true });
  rmSync(standEnvFile, { force: true });
}

/** The state of a stand that runs; a process that merely got the same id since then is not taken for it. */
export function runningStand(): StandState | undefined {
  const state = readState();
  return state && commandOf(state.pid).includes(supervisorScript) ? state : undefined;
}

function commandOf(pid: number): string {
  const linux = `/proc/${pid}/cmdline`;
  if (existsSync('/proc/self/cmdline')) return existsSync(linux) ? readFileSync(linux, 'utf8') : '';
  return execaSync('ps', ['-o', 'command=', '-p', String(pid)], { reject: false }).stdout;
}

export function writeStandEnv(settings: Record<string, string | undefined>): void {
  const lines = Object.entries(settings).flatMap(([key, value]) =>
    value ? [`${key}=${value}`] : [],
  );
  mkdirSync(standFolder, { recursive: true });
  writeFileSync(standEnvFile, `${lines.join('\n')}\n`, { mode: 0o600 });
}
