import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Outbox } from '../../kernel/outbox/outbox.js';
import { dueOccurrence, nextOccurrence } from '../definition/start-triggers.js';
import { startTimerMessage } from '../runtime/messages.js';
import { startOf, TriggeredStarts } from '../runtime/triggered.js';
import { type TimerTrigger, TriggerRepository } from '../trigger.repository.js';
import type { StartCommand } from './start-instances.js';

/** The time of a start node has come. */
export interface StartFire {
  readonly key: string;
  readonly node: string;
  /** Milliseconds of the epoch; of another one than is waited for nothing comes. */
  readonly at: number;
}

/**
 * Starts an instance for each occurrence that is waited for, and asks for the next one, in one transaction. An
 * occurrence that is told twice, or by two processes at once, finds its trigger gone on. One that can start nothing is told
 * at the trigger.
 */
export class FireStarts extends Command<void> {
  constructor(readonly fires: readonly StartFire[]) {
    super();
  }
}

@Handles(FireStarts)
export class FireStartsHandler implements Handler<FireStarts> {
  constructor(
    private readonly clock: Clock,
    private readonly outbox: Outbox,
    private readonly starts: TriggeredStarts,
    private readonly triggers: TriggerRepository,
  ) {}

  async execute({ fires }: FireStarts): Promise<void> {
    const told = new Set(fires.map(({ key, node, at }) => nameOf(key, node, at)));
    const due = (await this.triggers.lockTimers(fires)).filter(
      ({ key, node, nextAt }) => nextAt && told.has(nameOf(key, node, nextAt.getTime())),
    );
    if (due.length === 0) return;
    const starts = new Map(due.map((trigger) => [trigger, this.#advance(trigger)]));
    await this.triggers.saveTimers(due);
    await this.outbox.append(due.flatMap(startTimerMessage));
    const failed = await this.starts.begin(
      [...starts.values()].filter((start) => start !== undefined),
    );
    const results = [...starts].flatMap(([{ key, node }, start]) =>
      start ? [{ key, node, error: failed.get(start)?.message ?? null }] : [],
    );
    await this.triggers.saveErrors(results, this.clock.now());
  }

  /** Goes on to the next occurrence; answers what is to be started for this one. */
  #advance(trigger: TimerTrigger): StartCommand | undefined {
    const { node, timer, nextAt } = trigger;
    if (!nextAt) return undefined;
    // Whoever has sent the message may have a clock that is ahead.
    const now = new Date(Math.max(this.clock.now().getTime(), nextAt.getTime()));
    const at = dueOccurrence(timer, nextAt, now)?.toISOString();
    trigger.nextAt = nextOccurrence(timer, now);
    if (at === undefined) return undefined;
    const start = startOf(trigger, { key: null, data: { at } });
    return { ...start, start_key: `timer/${node}/${at}` };
  }
}

const nameOf = (key: string, node: string, at: number): string => JSON.stringify([key, node, at]);
