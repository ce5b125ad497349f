import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { query } from '../../scripts/services/postgres.ts';
import type { Bench, Result } from './bench.ts';
import { EventCounter } from './events.ts';
import { rounded } from './percentiles.ts';
import type { Program } from './program.ts';
import { numberSetting, setting } from './services.ts';
import { SteadyWindow } from './steady-window.ts';
import { park, publishChain, startWorkflows } from './workflow-stand.ts';

const DRAIN_TIMEOUT_MS = 60_000;
const WINDOW = numberSetting('BENCH_WINDOW', 2_000);

interface Chain {
  readonly key: string;
  /** Nodes behind the start, one after the other. */
  readonly nodes: readonly object[];
  /** Commands that an instance takes from its start to its end. */
  readonly decisions: number;
}

/** The chains whose figures must not depend on how many instances wait. */
export const CHAINS = {
  inline: {
    key: 'inline',
    nodes: [{ id: 'twice', type: 'task', kind: 'set', config: { n: '=n * 2' }, final: true }],
    decisions: 1,
  },
  jobs: {
    key: 'jobs',
    nodes: [
      { id: 'one', type: 'task', kind: 'task:noop' },
      { id: 'two', type: 'task', kind: 'task:noop' },
      { id: 'three', type: 'task', kind: 'task:noop', final: true },
    ],
    decisions: 4,
  },
} as const satisfies Record<string, Chain>;

interface Measured {
  readonly finished: number;
  readonly seconds: number;
  /** From the first start on. */
  readonly started: number;
  readonly startedIn: number;
}

/**
 * Instances of a chain started through the mediator, moved to their end, and their event received, for long, beside
 * `BENCH_PARKED` instances that wait for a message all the while.
 */
export async function measureWorkflow(bench: Bench, chain: Chain): Promise<Result> {
  const parked = Number(setting('BENCH_PARKED') ?? 0);
  const rounds = new Rounds(bench, chain);
  try {
    const { finished, seconds, started, startedIn } = await rounds.run(parked);
    await rounds.verify();
    return {
      value: rounded(finished / seconds),
      unit: 'instances/s',
      items: finished,
      figures: {
        instances: started,
        parked,
        seconds: rounded(startedIn, 1),
        'measured seconds': rounded(seconds, 1),
        'µs each': rounded((seconds * 1e6) / finished, 1),
        'unfinished at most': WINDOW,
      },
    };
  } finally {
    await rounds.close();
  }
}

/** The same, again and again beside more and more instances that wait. */
export async function measureParked(
  bench: Bench,
  chain: Chain,
  parked: readonly number[],
): Promise<Result> {
  const rounds = new Rounds(bench, chain);
  const figures: Record<string, number> = {};
  const rates: number[] = [];
  try {
    for (const count of parked) {
      const { finished, seconds } = await rounds.run(count);
      rates.push(finished / seconds);
      const beside = `beside ${count.toLocaleString('en')}`;
      figures[`instances/s ${beside}`] = rounded(finished / seconds);
      for (const [who, used] of Object.entries(bench.usage.cpu))
        figures[`µs of ${who} each ${beside}`] = rounded((used * 1e6) / finished);
    }
    await rounds.verify();
  } finally {
    await rounds.close();
  }
  const share = (rates.at(-1) ?? Number.NaN) / (rates[0] ?? Number.NaN);
  return { value: rounded(100 * share), unit: '% of the rate without parked ones', figures };
}

/** Runs of one program, one after the other. */
class Rounds {
  readonly #bench: Bench;
  readonly #chain: Chain;
  readonly #progress = new EventEmitter<{ finished: [count: number] }>();
  #events: EventCounter | undefined;
  #program: Program | undefined;
  #parked = 0;
  #started = 0;

  constructor(bench: Bench, chain: Chain) {
    this.#bench = bench;
    this.#chain = chain;
  }

  /** Beside so many parked instances; never fewer than the time before. */
  async run(parked: number): Promise<Measured> {
    const { program, events } = await this.#stand();
    await park(this.#bench, program, parked - this.#parked);
    this.#parked = parked;
    const until = setting('BENCH_TASKS')
      ? { tasks: numberSetting('BENCH_TASKS', 1) }
      : { seconds: numberSetting('BENCH_SECONDS', 30) };
    const steady = new SteadyWindow(this.#bench, events, until);
    const started = await program.ask({
      do: 'start',
      workflow: this.#chain.key,
      concurrency: numberSetting('BENCH_CONCURRENCY', 512),
      until,
      window: WINDOW,
    });
    const { finished, seconds } = steady.end();
    this.#started += started.tasks;
    await drained(events, this.#started);
    return { finished, seconds, started: started.tasks, startedIn: started.seconds };
  }

  async verify(): Promise<void> {
    const { events } = await this.#stand();
    await verify(this.#bench, this.#chain, { started: this.#started, events });
  }

  async close(): Promise<void> {
    await this.#events?.close();
  }

  async #stand(): Promise<{ program: Program; events: EventCounter }> {
    if (this.#program && this.#events) return { program: this.#program, events: this.#events };
    const type = 'workflows.instance-completed.v1';
    const events = (this.#events = await EventCounter.subscribe(this.#bench.amqpUrl, type, (n) =>
      this.#progress.emit('finished', n),
    ));
    const program = (this.#program = await startWorkflows(this.#bench));
    this.#progress.on('finished', (finished) => program.credit({ finished }));
    await publishChain(program, this.#chain.key, this.#chain.nodes);
    return { program, events };
  }
}

async function drained(events: EventCounter, count: number): Promise<void> {
  const deadline = performance.now() + DRAIN_TIMEOUT_MS;
  while (events.count < count) {
    if (performance.now() > deadline)
      throw new Error(`${count - events.count} of ${count} instances have not told of their end`);
    await delay(20);
  }
  await delay(1_000); // one event too many would arrive now, and the outbox is emptied after the confirm
}

/** Every instance ended once, with one event each and one row of history per decision, and nothing is left behind. */
async function verify(
  { databaseUrl }: Bench,
  { key, decisions }: Chain,
  { started, events }: { started: number; events: EventCounter },
): Promise<void> {
  const [row] = await query<Record<string, number>>(
    databaseUrl,
    `select count(*)::int as instances,
            count(*) filter (where status = 'completed' and incidents = 0 and seq = ${decisions})::int as completed,
            bit_xor(('x' || right(id::text, 8))::bit(32)::int) as checksum,
            (select count(*)::int from workflows.history h join workflows.instance i on i.id = h.instance_id
             where i.key = '${key}') as decisions,
            (select count(*)::int from workflows.instance where jobs is not null) as jobs,
            (select count(*)::int from kernel.outbox) as outbox
     from workflows.instance where key = '${key}'`,
  );
  const expected = JSON.stringify({
    instances: started,
    completed: started,
    checksum: events.checksum,
    decisions: started * decisions,
    jobs: 0,
    outbox: 0,
  });
  const found = JSON.stringify(row);
  if (found !== expected || events.count !== started)
    throw new Error(`Expected ${expected}, found ${found} and ${events.count} events`);
  console.log(
    `  verified: ${started.toLocaleString('en')} instances ended once, the outbox is empty`,
  );
}
