import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { execa } from 'execa';
import { projectFolder } from '../../scripts/services/folders.ts';
import { until } from './until.js';

/** The services that an example stands on, as `.stand/env` names them. */
export interface ExampleGround {
  readonly databaseUrl: string;
  readonly amqpUrl: string | undefined;
}

const READY_MS = 60_000;
const LOADER = ['--import', './test/support/run-typescript.mjs'];
/** Node's arguments for `src/send.ts`, compiled on the way. */
export const SEND = [...LOADER, 'src/send.ts'];
const NPM = ['npm', 'run', '--silent', 'example:ml', '--'] as const;
const running = new Set<SpawnedExample>();

/** `npm run example:ml` as processes of its own. */
export class SpawnedExample {
  #log = '';
  readonly #exited: Promise<unknown>;

  constructor(private readonly child: ChildProcess) {
    this.#exited = once(child, 'exit');
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        this.#log += chunk;
      });
    }
  }

  get log(): string {
    return this.#log;
  }

  /** Resolves when so many replicas serve. */
  async up(replicas: number): Promise<void> {
    await until(
      () => {
        if (this.child.exitCode !== null) throw new Error(`It has ended:\n${this.#log}`);
        return this.#log.split('The ML example is up').length > replicas;
      },
      { withinMs: READY_MS, what: 'the example is up' },
    );
  }

  /** Tells it to end, and answers its exit code once all of it has ended. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.child.exitCode === null) this.child.kill(signal);
    return this.ended();
  }

  /** Its exit code, once it has ended. */
  async ended(): Promise<number | null> {
    await this.#exited;
    running.delete(this);
    return this.child.exitCode;
  }
}

/** Runs `npm run example:ml`, or that of a copy by its file. Ends at the latest with the test. */
export async function spawnExample(
  ground: ExampleGround,
  { replicas = 1, port = 0, copy }: { replicas?: number; port?: number; copy?: string } = {},
): Promise<SpawnedExample> {
  const args = ['--replicas', String(replicas), '--port', String(port)];
  const [command, ...more] = copy ? [process.execPath, ...LOADER, copy] : NPM;
  const child = spawn(command, [...more, ...args], {
    cwd: projectFolder,
    env: environment(ground),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const example = new SpawnedExample(child);
  running.add(example);
  await example.up(replicas);
  return example;
}

/** Runs `npm run send` with these arguments, without the build. */
export async function sendByCommand(
  ground: ExampleGround,
  args: readonly string[],
): Promise<{ exitCode?: number; stdout: string; stderr: string }> {
  return execa(process.execPath, [...SEND, ...args], {
    cwd: projectFolder,
    env: environment(ground),
    extendEnv: false,
    reject: false,
  });
}

function environment({ databaseUrl, amqpUrl }: ExampleGround): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    NODE_ENV: 'test',
    AUTH_MODE: 'open',
    DATABASE_URL: databaseUrl,
    AMQP_URL: amqpUrl ?? '', // also where a stand has one
  };
}

afterEach(async () => {
  for (const example of running) await example.stop();
});
