import type { FaultStand } from './fault-stand.js';
import type { Load } from './load.js';

export interface Verdict {
  /** Tasks that the API confirmed. */
  readonly confirmed: number;
  /** Tasks that exist: those, and some of those whose request was not answered. */
  readonly created: number;
  /** Attempts at tasks: failures and crashes are tried again. */
  readonly attempts: number;
  /** Messages at the subscriber, with repeated ones. */
  readonly delivered: number;
  /** Confirmed tasks that do not exist, or have no end. */
  readonly lost: number;
  /** Tasks with more than one end, or told of by more than one message. */
  readonly duplicated: number;
  /** Ends of tasks, as the database saw them happen. */
  readonly effects: number;
  /** Ended tasks of which the subscriber never heard, though its queue existed. */
  readonly unheard: number;
}

const ENDED = `('succeeded', 'failed', 'cancelled')`;

interface Ended {
  readonly id: string;
  readonly finished_at: Date | null;
}

/** Compares what was promised to the clients with what the database and the subscriber know. */
export async function judge(
  stand: FaultStand,
  load: Load,
  heardSince = new Date(0),
): Promise<Verdict> {
  const tasks = await stand.sql<Ended>(
    `select id, finished_at from tasks.task where status in ${ENDED}`,
  );
  const ended = new Set(tasks.map((task) => task.id));
  const ends = await stand.sql<{ times: number }>(
    `select count(*)::int as times from audit.change where status in ${ENDED} group by task_id`,
  );
  const twice = tasks.filter(({ id }) => stand.events.countOf(id) > 1);
  const unheard = await unheardOf(stand, heardSince);
  return {
    confirmed: load.confirmed.size,
    created: await stand.count('tasks.task'),
    attempts: await stand.count(`audit.change where status = 'in_progress'`),
    delivered: stand.events.deliveries,
    lost: [...load.confirmed].filter((id) => !ended.has(id)).length,
    duplicated: ends.filter(({ times }) => times > 1).length + twice.length,
    effects: ends.reduce((sum, { times }) => sum + times, 0),
    unheard: unheard.length,
  };
}

/** What must hold after any fault. Every number is told when one of them is wrong. */
export async function expectExactlyOnce(stand: FaultStand, verdict: Verdict): Promise<void> {
  expect(verdict).toMatchObject({ lost: 0, duplicated: 0, unheard: 0, effects: verdict.created });
  expect(verdict.created).toBeGreaterThanOrEqual(verdict.confirmed);
  await expectTrueCounts(stand);
}

/** The maintained counts, which no caller of the API can tell from counting. */
async function expectTrueCounts(stand: FaultStand): Promise<void> {
  const wrong = await stand.sql(
    `select kind, status, coalesce(maintained.count, 0)::int as maintained, coalesce(real.count, 0)::int as real
     from (select kind, status, sum(count) as count from (
             select kind, status, count from tasks.task_count
             union all select kind, status, delta from tasks.task_count_delta) as parts
           group by kind, status) as maintained
     full join (select kind, status, count(*) as count from tasks.task group by kind, status) as real
       using (kind, status)
     where coalesce(maintained.count, 0) <> coalesce(real.count, 0)`,
  );
  expect(wrong).toEqual([]);
}

/** One line per run, where the reports of tests go. */
export function tell(run: string, verdict: object, more: object = {}): void {
  const numbers = Object.entries({ ...verdict, ...more }).map(
    ([what, n]) => `${what} ${String(n)}`,
  );
  process.stderr.write(`faults: ${run}: ${numbers.join(', ')}\n`);
}

/** Tasks that ended while the subscriber's queue existed, and are not known to it yet. */
export async function unheardOf(stand: FaultStand, since = new Date(0)): Promise<string[]> {
  const tasks = await stand.sql<Ended>(
    `select id, finished_at from tasks.task where status in ${ENDED} and finished_at > $1`,
    [since],
  );
  return tasks.flatMap(({ id }) => (stand.events.countOf(id) === 0 ? [id] : []));
}
