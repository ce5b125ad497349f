import { existsSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { hottest } from './profile.ts';
import { logFolder, profileName, Program, type ProgramOptions } from './program.ts';
import { durability, freshDatabase, freshVhost, setting } from './services.ts';
import { costliestStatements, watchStatements } from './statements.ts';
import { cpuSecondsOf, memoryOf } from './usage.ts';

type Figures = Readonly<Record<string, number | string>>;

export interface Result {
  readonly value: number;
  readonly unit: string;
  /** Done between {@link Bench.startClock} and {@link Bench.stopClock}, to tell the processor time of each. */
  readonly items?: number;
  /** Whatever else was measured, in the order in which it is shown. */
  readonly figures: Figures;
}

/** One benchmark under way: a new database, a new virtual host, and the programs it starts. */
export class Bench {
  readonly databaseUrl: string;
  readonly amqpUrl: string;
  readonly programs: Program[] = [];
  #cpuAtStart: Map<string, number> | undefined;
  #cpuUsed: Record<string, number> = {};

  constructor(databaseUrl: string, amqpUrl: string) {
    this.databaseUrl = databaseUrl;
    this.amqpUrl = amqpUrl;
  }

  async start(options: Omit<ProgramOptions, 'env'> & { env?: Record<string, string> }) {
    const urls = { DATABASE_URL: this.databaseUrl, AMQP_URL: this.amqpUrl };
    const started = await Program.start({ ...options, env: { ...urls, ...options.env } });
    this.programs.push(started);
    return started;
  }

  /** Call at the beginning of what is measured, to learn who uses the processors meanwhile. */
  startClock(): void {
    this.#cpuAtStart = this.#cpuSeconds();
  }

  /** Call at its end. */
  stopClock(): void {
    const before = this.#cpuAtStart;
    if (!before) return;
    this.#cpuUsed = Object.fromEntries(
      [...this.#cpuSeconds()].map(([name, seconds]) => [
        name,
        Math.round((seconds - (before.get(name) ?? 0)) * 10) / 10,
      ]),
    );
  }

  get usage(): {
    memory: Record<string, { now: number; peak: number | undefined }>;
    cpu: Record<string, number>;
  } {
    const memory = this.programs.map(({ name, pid }) => [name, memoryOf(pid)] as const);
    return { memory: Object.fromEntries(memory), cpu: this.#cpuUsed };
  }

  /** Stops a program in the middle of the run. */
  async leave(program: Program | undefined): Promise<void> {
    if (!program) return;
    await program.stop();
    this.programs.splice(this.programs.indexOf(program), 1);
  }

  async complain(): Promise<void> {
    for (const program of this.programs) {
      const lines = await program.logTail(5);
      if (lines) console.log(`${program.name} logged:\n${lines.replace(/^/gm, '    ')}`);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.programs.map((program) => program.stop()));
  }

  async kill(): Promise<void> {
    await Promise.all(this.programs.map((program) => program.kill()));
  }

  #cpuSeconds(): Map<string, number> {
    const processes: [string, number][] = [
      ...this.programs.map((program): [string, number] => [program.name, program.pid]),
      ['postgres', Number(setting('BENCH_POSTGRES_PID') ?? 0)],
      ['rabbitmq', Number(setting('BENCH_RABBITMQ_PID') ?? 0)],
    ];
    const { user, system } = process.cpuUsage();
    return new Map([
      ...processes.flatMap(([name, pid]): [string, number][] => {
        const seconds = pid > 0 ? cpuSecondsOf(pid) : undefined;
        return seconds === undefined ? [] : [[name, seconds]];
      }),
      ['bench', (user + system) / 1e6],
    ]);
  }
}

const isProfiling = setting('BENCH_PROFILE') !== undefined;

/** The variant that was asked for: the part of the name after the colon. */
export const variant = process.argv[2] ?? '';

/** Runs one benchmark, prints its table and, as the last line, its JSON. Leaves nothing behind. */
export async function run(measure: (bench: Bench) => Promise<Result>): Promise<void> {
  const database = await freshDatabase();
  const vhost = await freshVhost();
  const bench = new Bench(database.url, vhost.url);
  const cleanUp = async (): Promise<void> => {
    await bench.kill();
    await database.release();
    await vhost.release();
  };
  const interrupted = onInterrupt(cleanUp);
  try {
    if (isProfiling) await watchStatements(database.url);
    const result = await measure(bench);
    const report = { ...result, ...bench.usage, durable: await durability(database.url) };
    await bench.complain();
    await bench.stop();
    if (isProfiling) await printProfiles(bench);
    print(setting('BENCH_NAME') ?? 'bench', report);
  } catch (error) {
    if (interrupted.aborted) return;
    await bench.complain();
    console.error(error);
    process.exitCode = 1;
  }
  if (!interrupted.aborted) await cleanUp();
}

/** Ctrl-C and the like end the run at once, but not before everything that it started is gone. */
function onInterrupt(cleanUp: () => Promise<void>): AbortSignal {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (interrupted.signal.aborted) return;
      interrupted.abort();
      cleanUp().then(
        () => process.exit(130),
        () => process.exit(130), // the servers may be gone by now, and their data with them
      );
    });
  }
  return interrupted.signal;
}

async function printProfiles({ programs, databaseUrl }: Bench): Promise<void> {
  for (const { name } of programs) {
    const file = join(logFolder, profileName(name));
    if (existsSync(file)) console.log(`${file}\n${hottest(file).join('\n')}`);
  }
  console.log(`Postgres\n${(await costliestStatements(databaseUrl)).join('\n')}`);
}

type Report = Result & Bench['usage'] & { readonly durable: Record<string, string> };

function print(name: string, report: Report): void {
  const { value, unit, figures, items, memory, cpu, durable } = report;
  const each = Object.entries(cpu).map(([who, seconds]): [string, number] => [
    who,
    Math.round((1e6 * seconds) / (items ?? Number.NaN)),
  ]);
  const machine = {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? 'unknown',
    memory_gb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  };
  const rows: [string, string][] = [
    [name, `${value.toLocaleString('en')} ${unit}`],
    ...Object.entries(figures).map(([key, figure]): [string, string] => [
      key,
      figure.toLocaleString('en'),
    ]),
    ...Object.entries(memory).map(([who, { now, peak }]): [string, string] => [
      `memory of ${who}`,
      `${now} MB${peak === undefined ? '' : `, at most ${peak} MB`}`,
    ]),
    ...each.map(([who, micros]): [string, string] => [
      `processor time of ${who}`,
      `${String(cpu[who])} s${items === undefined ? '' : `, ${micros} µs each`}`,
    ]),
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  for (const [label, text] of rows) console.log(`  ${label.padEnd(width)}  ${text}`);
  const json = { bench: name, unit, value, ...figures, memory_mb: memory, cpu_s: cpu };
  const perItem = items === undefined ? {} : { cpu_us_each: Object.fromEntries(each) };
  console.log(JSON.stringify({ ...json, ...perItem, durable, machine }));
}
