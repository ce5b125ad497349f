import { Cron } from 'croner';
import type { NodeOf, WorkflowDraft } from './draft.js';
import { compileTimer } from './timer.js';

export type StartTimer = NonNullable<NodeOf<'start'>['timer']>;

/** What starts instances of a version at one of its start nodes. Nothing runs yet, so all of it is constant. */
export interface StartTrigger {
  readonly node: string;
  readonly kind: 'message' | 'timer' | 'criterion';
  /** Of the message, or of the signal that reports. */
  readonly name: string | null;
  /** Only what has this key; null: whatever comes. */
  readonly key: string | null;
  readonly timer: StartTimer | null;
}

/** The triggers of the outermost start nodes. */
export const startTriggers = ({ nodes }: WorkflowDraft): StartTrigger[] =>
  nodes.flatMap((node) => (node.type === 'start' && node.in === undefined ? triggerOf(node) : []));

function triggerOf({ id, message, timer, criterion }: NodeOf<'start'>): StartTrigger[] {
  const trigger = { node: id, name: null, key: null, timer: null };
  if (message)
    return [{ ...trigger, kind: 'message', name: message.name, key: message.key ?? null }];
  if (criterion)
    return [{ ...trigger, kind: 'criterion', name: criterion.signal, key: criterion.key ?? null }];
  return timer === undefined ? [] : [{ ...trigger, kind: 'timer', timer }];
}

/** An occurrence found later than this is missed: the program was away, not just busy. */
const MISSED_AFTER_MS = 60_000;

const cronOf = ({ cron, time_zone: timezone }: Exclude<StartTimer, string>): Cron =>
  new Cron(cron, { timezone, mode: '5-or-6-parts' });

/** The first occurrence after an instant; null when none is left. A duration counts from that instant. */
export function firstOccurrence(timer: StartTimer, after: Date): Date | null {
  if (typeof timer !== 'string') return cronOf(timer).nextRun(after);
  const at = new Date(compileTimer(timer)(() => null, after.getTime()));
  return at > after ? at : null;
}

/** The occurrence behind one that has been, as long as it recurs. */
export const nextOccurrence = (timer: StartTimer, now: Date): Date | null =>
  typeof timer === 'string' ? null : cronOf(timer).nextRun(now);

/**
 * The occurrence to start an instance for, when `planned` is the one that was waited for: the latest one. Undefined
 * when all were missed and none is made up for; what happens only once always is.
 */
export function dueOccurrence(timer: StartTimer, planned: Date, now: Date): Date | undefined {
  if (typeof timer === 'string') return planned;
  // The reference itself is not looked at, and croner looks at whole seconds.
  const [previous = planned] = cronOf(timer).previousRuns(1, new Date(now.getTime() + 1));
  const latest = previous > planned ? previous : planned;
  const isMissed = now.getTime() - latest.getTime() > MISSED_AFTER_MS;
  return isMissed && timer.missed === 'skip' ? undefined : latest;
}
