import { Cron } from 'croner';
import { BrokenCron, UnknownTimeZone } from './task.errors.js';

/** An occurrence found later than this is missed: its process was away, not just busy. */
const MISSED_AFTER_MS = 60_000;

/** What becomes of missed occurrences: none is made up for, or one for all of them. */
export const MISSED_POLICIES = ['skip', 'run_once'] as const;
export type MissedPolicy = (typeof MISSED_POLICIES)[number];

export interface TaskScheduleSpec {
  readonly name: string;
  /** Five fields, or six with seconds first. */
  readonly cron: string;
  readonly timeZone: string;
  /** The request that creates each task. */
  readonly task: object;
  readonly missed: MissedPolicy;
  readonly paused: boolean;
}

export interface TaskScheduleState extends TaskScheduleSpec {
  readonly id: string;
  /** Null while it is paused, and when no occurrence is left. */
  readonly nextRunAt: Date | null;
  readonly lastRunAt: Date | null;
  readonly lastTaskId: string | null;
  readonly lastError: ScheduleError | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface ScheduleError {
  readonly code: string;
  readonly message: string;
  readonly at: string;
}

/**
 * A task that recurs. Days on which clocks change: an occurrence at a time that does not exist happens when the
 * gap ends, one at a time that exists twice happens the first time; what recurs within the hour goes on evenly.
 */
export class TaskSchedule {
  #state: TaskScheduleState;

  private constructor(state: TaskScheduleState) {
    this.#state = state;
  }

  /** `place` is the item of a bulk request, or empty. Throws {@link BrokenCron}, {@link UnknownTimeZone}. */
  static create(spec: TaskScheduleSpec, id: string, now: Date, place = ''): TaskSchedule {
    const schedule = new TaskSchedule({
      ...spec,
      id,
      nextRunAt: null,
      lastRunAt: null,
      lastTaskId: null,
      lastError: null,
      createdAt: now,
      updatedAt: now,
    });
    schedule.#plan(now, place);
    return schedule;
  }

  static of(state: TaskScheduleState): TaskSchedule {
    return new TaskSchedule(state);
  }

  get state(): TaskScheduleState {
    return this.#state;
  }

  /** Occurrences while it is paused are nobody's loss: a resumed schedule goes on from now. */
  change(change: Partial<TaskScheduleSpec>, now: Date): void {
    const before = this.#state;
    this.#state = { ...before, ...change, updatedAt: now };
    const { cron, timeZone, paused } = this.#state;
    const isOtherwise =
      cron !== before.cron || timeZone !== before.timeZone || paused !== before.paused;
    if (isOtherwise) this.#plan(now, '');
  }

  /** The next occurrences after an instant, at most `count`; none while it is paused. */
  nextRuns(count: number, after: Date): Date[] {
    return this.#state.paused ? [] : this.#cron.nextRuns(count, after);
  }

  /** The occurrence that is to become a task now; undefined when all that are due were missed and are skipped. */
  dueAt(now: Date): Date | undefined {
    const { nextRunAt, missed } = this.#state;
    if (nextRunAt === null || nextRunAt > now) return undefined;
    // The reference itself is not looked at, and croner looks at whole seconds.
    const [previous = nextRunAt] = this.#cron.previousRuns(1, new Date(now.getTime() + 1));
    const latest = previous > nextRunAt ? previous : nextRunAt;
    const isMissed = now.getTime() - latest.getTime() > MISSED_AFTER_MS;
    return isMissed && missed === 'skip' ? undefined : latest;
  }

  /** Goes on to the next occurrence; `made` is what became of the one that was due. */
  advance(now: Date, made?: { readonly at: Date; readonly taskId: string } | ScheduleError): void {
    const [nextRunAt = null] = this.nextRuns(1, now);
    this.#state = { ...this.#state, nextRunAt };
    if (!made) return;
    if ('taskId' in made) {
      const { at: lastRunAt, taskId: lastTaskId } = made;
      this.#state = { ...this.#state, lastRunAt, lastTaskId, lastError: null };
    } else this.#state = { ...this.#state, lastError: made };
  }

  get #cron(): Cron {
    return new Cron(this.#state.cron, { timezone: this.#state.timeZone, mode: '5-or-6-parts' });
  }

  #plan(now: Date, place: string): void {
    const { cron, timeZone, paused } = this.#state;
    if (!isTimeZone(timeZone)) throw new UnknownTimeZone(timeZone, place);
    const next = firstRun(cron, () => this.#cron.nextRun(now), place);
    this.#state = { ...this.#state, nextRunAt: paused ? null : next };
  }
}

function firstRun(cron: string, read: () => Date | null, place: string): Date {
  let next: Date | null;
  try {
    next = read();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new BrokenCron(reason.replace(/^CronPattern: /, ''), place);
  }
  if (next === null) throw new BrokenCron(`"${cron}" never occurs`, place);
  return next;
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }) instanceof Intl.DateTimeFormat;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
