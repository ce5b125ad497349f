import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { Outbox } from '../../kernel/outbox/outbox.js';
import { dueOccurrence, nextOccurrence } from '../definition/start-triggers.js';
import { startTimerMessage } from '../runtime/messages.js';
import { type TimerTrigger, TriggerRepository } from '../trigger.repository.js';
import { type StartCommand, StartInstances } from './start-instances.js';

/** The time of a start node has come. */
export interface StartFire {
  readonly key: string;
  readonly node: string;
  /** Milliseconds of the epoch; of another one than is waited for nothing comes. */
  readonly at: number;
}

/**
 * Starts an instance for each occurrence that is waited for, and asks for the next one, in one transaction. An
 * occurrence that is told twice, or by two processes at once, finds its trigger gone on.
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
    private readonly mediator: Mediator,
    private readonly outbox: Outbox,
    private readonly triggers: TriggerRepository,
  ) {}

  async execute({ fires }: FireStarts): Promise<void> {
    const told = new Set(fires.map(({ key, node, at }) => nameOf(key, node, at)));
    const due = (await this.triggers.lockTimers(fires)).filter(
      ({ key, node, nextAt }) => nextAt && told.has(nameOf(key, node, nextAt.getTime())),
    );
    if (due.length === 0) return;
    const starts = due.flatMap((trigger) => this.#advance(trigger));
    await this.triggers.saveTimers(due);
    await this.outbox.append(due.flatMap(startTimerMessage));
    if (starts.length > 0) await this.mediator.execute(new StartInstances(starts));
  }

  #advance(trigger: TimerTrigger): StartCommand[] {
    const { key, node, version, timer, nextAt } = trigger;
    if (!nextAt) return [];
    // Whoever has sent the message may have a clock that is ahead.
    const now = new Date(Math.max(this.clock.now().getTime(), nextAt.getTime()));
    const at = dueOccurrence(timer, nextAt, now)?.toISOString();
    trigger.nextAt = nextOccurrence(timer, now);
    if (at === undefined) return [];
    const workflow = `${key}@${String(version)}`;
    return [{ workflow, node, variables: {}, data: { at }, start_key: `timer/${node}/${at}` }];
  }
}

const nameOf = (key: string, node: string, at: number): string => JSON.stringify([key, node, at]);
