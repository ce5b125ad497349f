import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import getPort from 'get-port';
import type { Role } from '../../src/kernel/env.js';
import { projectFolder } from '../../scripts/services/folders.ts';
import { whenWeDie } from '../../scripts/services/daemon.ts';
import { COMPILED } from './compile-programs.ts';
import { HttpClient } from './http-client.js';
import { until, type UntilOptions } from './until.js';

export interface SpawnOptions {
  readonly databaseUrl: string;
  /** Default: Postgres is the broker. */
  readonly amqpUrl?: string;
  /** Default: all. */
  readonly roles?: readonly Role[];
  readonly env?: Readonly<Record<string, string>>;
  /** Default: `src/main.ts`. Another one says "Millrace is up" as well. */
  readonly program?: string;
  /** It may be killed from inside, see {@link SpawnedApp.crashed}, even before it is up. */
  readonly mayCrash?: boolean;
}

const READY_MS = 30_000;
const KEPT_LINES = 2_000;
const spawned = new Set<SpawnedApp>();

/** The program in a process of its own, for tests that kill it. */
export class SpawnedApp {
  readonly http: HttpClient;
  readonly #lines: string[] = [];
  readonly #exited: Promise<unknown>;
  #wanted = true;

  constructor(
    private readonly child: ChildProcess,
    port: number,
    callOffGuard: () => void,
  ) {
    this.http = new HttpClient(`http://127.0.0.1:${String(port)}`);
    this.#exited = once(child, 'exit').then(callOffGuard);
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue;
      createInterface(stream).on('line', (line) => {
        this.#lines.push(line);
        if (this.#lines.length > KEPT_LINES) this.#lines.shift();
      });
    }
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Its last lines, as it wrote them. */
  get log(): readonly string[] {
    return this.#lines;
  }

  /** Resolves when a line matches; fails with the log when none does in time. */
  async said(pattern: RegExp, options: UntilOptions = {}): Promise<string> {
    try {
      return await until(() => {
        const line = this.#lines.find((text) => pattern.test(text));
        if (line === undefined && !this.isRunning) throw new Error('It has exited');
        return line;
      }, options);
    } catch (error) {
      throw new Error(`Never said ${String(pattern)}:\n${this.tail()}`, { cause: error });
    }
  }

  /** Resolves when it was killed from inside, as its test had arranged; fails with the log when it was not in time. */
  async crashed(options: UntilOptions = {}): Promise<void> {
    try {
      await until(() => !this.isRunning, options);
    } catch (error) {
      throw new Error(`It did not crash:\n${this.tail()}`, { cause: error });
    }
    if (this.child.signalCode !== 'SIGKILL') throw new Error(`It ended so:\n${this.tail()}`);
    this.#wanted = false;
  }

  /** Resolves when the process is gone, its sockets with it. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#wanted = false;
    this.child.kill(signal);
    await this.#exited;
  }

  /** The status that its probe answers; fails with its log when it answers nothing. */
  async readiness(): Promise<number> {
    try {
      const response = await fetch(`${this.http.url}/health/ready`);
      await response.text();
      return response.status;
    } catch (error) {
      throw new Error(`It does not answer:\n${this.tail()}`, { cause: error });
    }
  }

  /** Stops it as an orchestrator does, and fails when that is not graceful. */
  async stop(): Promise<void> {
    await this.kill('SIGTERM');
    if (this.child.exitCode !== 0) {
      throw new Error(`Stopped with ${String(this.child.exitCode)}:\n${this.tail()}`);
    }
  }

  /** Fails when the process ended without being asked to. */
  async dispose(): Promise<void> {
    const crashed = this.#wanted && !this.isRunning;
    if (this.isRunning) await this.kill();
    if (crashed) throw new Error(`A spawned process ended by itself:\n${this.tail()}`);
  }

  tail(lines = 60): string {
    return this.#lines.slice(-lines).join('\n');
  }
}

/**
 * Starts a program, as it was compiled for this run, as a process of its own; resolves when it is up. It ends at the
 * latest with the test (`afterEach`), and a process that ended by itself fails the test with its log. Source maps would
 * make a start a sixth longer, and the compiled lines read like their sources.
 */
export async function spawnApp(options: SpawnOptions): Promise<SpawnedApp> {
  const port = await getPort();
  const { program = 'src/main.ts' } = options;
  const child = spawn(process.execPath, [`${COMPILED}/${program.replace(/\.ts$/, '.js')}`], {
    cwd: projectFolder,
    env: environment(options, port),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const app = new SpawnedApp(child, port, whenWeDie('kill -9 "$1"', [String(child.pid)]));
  spawned.add(app);
  await app.said(/Millrace is up/, { withinMs: READY_MS }).catch((error: unknown) => {
    if (!options.mayCrash || app.isRunning) throw error;
  });
  return app;
}

afterEach(async () => {
  const apps = [...spawned];
  spawned.clear();
  const outcomes = await Promise.allSettled(apps.map((app) => app.dispose()));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
});

function environment({ databaseUrl, amqpUrl, roles, env }: SpawnOptions, port: number) {
  return {
    PATH: process.env['PATH'],
    NODE_ENV: 'test',
    NODE_COMPILE_CACHE: `${COMPILED}/cache`,
    AUTH_MODE: 'open',
    PORT: String(port),
    SIMULATOR_FREE_PORT: '0',
    SIMULATOR_PAID_PORT: '0',
    DATABASE_URL: databaseUrl,
    ...(amqpUrl === undefined ? {} : { AMQP_URL: amqpUrl }),
    ...(roles ? { ROLES: roles.join(',') } : {}),
    ...env,
  };
}
