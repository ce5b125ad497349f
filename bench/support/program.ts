import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import getPort from 'get-port';
import { tail, whenWeDie } from '../../scripts/services/daemon.ts';
import { standFolder } from '../../scripts/services/folders.ts';
import { programFlags } from '../../scripts/services/program-flags.ts';
import { compiledFolder } from './compiled.ts';
import type { AnswerTo, Credit, Order } from './orders.ts';
import { setting } from './services.ts';

export const logFolder = join(standFolder, 'bench');
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 20_000;

export interface ProgramOptions {
  readonly name: string;
  readonly roles: string;
  readonly env: Readonly<Record<string, string>>;
  /** Takes orders: the same program with a creator of tasks inside. */
  readonly ordered?: boolean;
  /** Another file to run, which must serve `/health/ready` as the program does. */
  readonly file?: string;
}

/** A process of the built program, as in production but for its log level. It ends with us at the latest. */
export class Program {
  readonly name: string;
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #logFile: string;
  readonly #callOff: () => void;
  readonly #exited: Promise<void>;
  #orders = 0;

  static async start(options: ProgramOptions): Promise<Program> {
    const started = new Program(options, await getPort({ host: '127.0.0.1' }));
    try {
      await started.#ready();
      return started;
    } catch (error) {
      await started.kill();
      throw error;
    }
  }

  private constructor({ name, roles, env, ordered = false, file }: ProgramOptions, port: number) {
    mkdirSync(logFolder, { recursive: true });
    this.name = name;
    this.url = `http://127.0.0.1:${port}`;
    this.#logFile = join(logFolder, `${name}.log`);
    const log = openSync(this.#logFile, 'w');
    const main = join(compiledFolder, 'main.js');
    const entry = file ?? (ordered ? join(import.meta.dirname, 'ordered-program.ts') : main);
    this.#child = spawn(process.execPath, [...nodeFlags(name), entry], {
      detached: true, // Ctrl-C reaches only us, and we decide the order of the end
      stdio: ['ignore', log, log, ...(ordered ? (['ipc'] as const) : [])],
      env: {
        NODE_ENV: 'production',
        LOG_LEVEL: 'warn',
        AUTH_MODE: 'open',
        SHUTDOWN_GRACE_MS: '1000',
        ...process.env,
        ROLES: roles,
        HOST: '127.0.0.1',
        PORT: String(port),
        ...env,
      },
    });
    this.#exited = new Promise((resolve) => this.#child.once('exit', () => resolve()));
    this.#callOff = whenWeDie('kill -s KILL -- "$1"', [String(this.pid)]);
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`${this.name} did not start`);
    return this.#child.pid;
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Rejects when the program fails to do it, or dies. */
  async ask<O extends Order>(order: O): Promise<AnswerTo<O>> {
    const id = (this.#orders += 1);
    const answered = new Promise<AnswerTo<O>>((resolve, reject) => {
      const onMessage = (message: { id: number; answer?: unknown; error?: string }): void => {
        if (message.id !== id) return;
        this.#child.off('message', onMessage);
        if (message.error === undefined) resolve(message.answer as AnswerTo<O>);
        else reject(new Error(`${this.name}: ${message.error}`));
      };
      this.#child.on('message', onMessage);
      void this.#exited.then(() => reject(new Error(`${this.name} died`)));
    });
    this.#child.send({ id, order });
    return answered;
  }

  credit(credit: Credit): void {
    if (this.#child.connected) this.#child.send(credit);
  }

  async stop(): Promise<void> {
    if (this.isAlive) this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.#exited;
    clearTimeout(timer);
    this.#callOff();
  }

  async kill(): Promise<void> {
    if (this.isAlive) this.#child.kill('SIGKILL');
    await this.#exited;
    this.#callOff();
  }

  /** Warnings and errors of the whole run: a good figure comes without any. */
  logTail(lines = 10): Promise<string> {
    return tail(this.#logFile, lines);
  }

  async #ready(): Promise<void> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (this.isAlive && performance.now() < deadline) {
      if (await answers(`${this.url}/health/ready`)) return;
      await delay(50);
    }
    const how = this.isAlive ? 'is not ready in time' : 'ended while starting';
    throw new Error(`${this.name} ${how}. The end of its log:\n${await this.logTail()}`);
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1_000) })).ok;
  } catch {
    return false; // not listening yet
  }
}

/** BENCH_PROFILE=1 leaves `<name>.cpuprofile` beside the log; BENCH_NODE_FLAGS reach the programs alone. */
function nodeFlags(name: string): string[] {
  const flags = setting('BENCH_NODE_FLAGS')?.split(' ') ?? programFlags;
  if (!setting('BENCH_PROFILE')) return flags;
  return [
    ...flags,
    '--cpu-prof',
    `--cpu-prof-dir=${logFolder}`,
    `--cpu-prof-name=${profileName(name)}`,
  ];
}

export function profileName(name: string): string {
  return `${name}.cpuprofile`;
}
