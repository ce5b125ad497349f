import { spawn, type ChildProcess } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** A running server that we started: an operating system process or a container. */
export interface Daemon {
  /** The process id; unset for a container. */
  readonly pid?: number;
  isAlive(): boolean | Promise<boolean>;
  /** Asks it to end, waits, and after `graceMs` ends it by force. */
  stop(graceMs?: number): Promise<void>;
  /** Ends it at once (kill -9), with no chance to write anything down. */
  kill(): Promise<void>;
  logTail(lines?: number): Promise<string>;
}

export interface SpawnOptions {
  command: string;
  args: readonly string[];
  logFile: string;
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** The user that runs it; only root may name one. */
  user?: { uid: number; gid: number } | undefined;
  /** Sent to stop it in good order. */
  stopSignal?: NodeJS.Signals;
  /** Sent by the guard when we died without stopping it. */
  orphanSignal?: NodeJS.Signals;
}

/**
 * Starts a server in its own process group, so that Ctrl-C reaches only us and we decide the order of the end.
 * A guard ends it when this process dies without having stopped it, even by kill -9.
 */
export async function spawnDaemon(
  options: SpawnOptions,
): Promise<Daemon & { readonly pid: number }> {
  const log = await open(options.logFile, 'a');
  const child = spawn(options.command, options.args, {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    ...(options.cwd && { cwd: options.cwd }),
    env: options.env ?? process.env,
    ...options.user,
  });
  const exited = ended(child);
  await started(child);
  await log.close();
  const { pid } = child;
  if (pid === undefined) throw new Error(`${options.command} did not start`);
  const guard = guardProcess(pid, options.orphanSignal ?? 'SIGKILL');
  void exited.then(guard);
  const isAlive = () => child.exitCode === null && child.signalCode === null;
  const kill = async () => {
    signalGroup(pid, 'SIGKILL');
    await exited;
    await groupGone(pid);
  };
  return {
    pid,
    isAlive,
    kill,
    stop: async (graceMs = 15_000) => {
      if (isAlive()) process.kill(pid, options.stopSignal ?? 'SIGTERM');
      const timer = setTimeout(() => void kill(), graceMs);
      await exited;
      clearTimeout(timer);
      await kill(); // what it may have left behind in its group
    },
    logTail: (lines) => tail(options.logFile, lines),
  };
}

/** The last lines of a file; says so when there is none. */
export async function tail(file: string, lines = 20): Promise<string> {
  try {
    const text = await readFile(file, 'utf8');
    return text.trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return `(${file} cannot be read)`;
  }
}

/** Runs `command` in a shell when this process is gone; the returned function calls that off. */
export function whenWeDie(command: string, args: readonly string[]): () => void {
  const script = `read -r word; [ "$word" = done ] || { ${command}; }`;
  const guard = spawn('/bin/sh', ['-c', script, 'guard', ...args], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.unref();
  guard.stdin.on('error', () => undefined); // the guard was ended from outside: nothing left to call off
  (guard.stdin as Socket).unref();
  return () => guard.stdin.end('done\n');
}

function guardProcess(pid: number, signal: NodeJS.Signals): () => void {
  return whenWeDie('kill -s "$1" -- "-$2"', [signal.replace('SIG', ''), String(pid)]);
}

/** Answers whether anybody was there to get it. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH' || code === 'EPERM') return false; // macOS says EPERM of a group of dead ones
    throw error;
  }
}

/** Big processes take a moment to die. The limit is for a machine whose init leaves dead ones lying about. */
async function groupGone(pid: number): Promise<void> {
  for (let waited = 0; waited < 2_000 && signalGroup(pid, 0); waited += 20) await delay(20);
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

function started(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
}
