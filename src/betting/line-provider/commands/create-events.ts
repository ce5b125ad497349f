import { Command } from '@nestjs/cqrs';
import { type BatchHandler, Handles, type Outcome } from '../../../kernel/cqrs/handles.js';
import { DomainError, outcomeOf, placeIn } from '../../../kernel/domain/domain-error.js';
import {
  continueTrace,
  currentContext,
  type TraceContext,
} from '../../../kernel/observability/trace-context.js';
import { LineEvent, type NewLineEvent } from '../domain/line-event.js';
import { LineEventIdTaken, LineEventNamedTwice } from '../domain/line-event.errors.js';
import { LineEventRepository, type ToldChange } from '../line-event.repository.js';
import { toView } from '../line-event.rows.js';
import type { LineEventView } from '../line-events.dto.js';

/** Adds events to the line, all or none. Throws `LineEventIdTaken`, `LineEventNamedTwice`, `DeadlineNotInFuture`. */
export class CreateEvents extends Command<LineEventView[]> {
  readonly context: TraceContext = currentContext() ?? continueTrace();
  constructor(readonly events: readonly NewLineEvent[]) {
    super();
  }
}

@Handles(CreateEvents, { batch: 500 })
export class CreateEventsHandler implements BatchHandler<CreateEvents> {
  constructor(private readonly events: LineEventRepository) {}

  async executeMany(commands: readonly CreateEvents[]): Promise<Outcome<LineEventView[]>[]> {
    await this.events.lockFeed();
    const ids = commands.flatMap(({ events }) => events.map(({ id }) => id));
    const taken = await this.events.existing(ids);
    const now = await this.events.now();
    const plans = commands.map((command) => outcomeOf(() => plan(command, taken, now)));
    const made = plans.flatMap((one) => (one instanceof DomainError ? [] : one));
    const views = (await this.events.insertMany(made)).map(toView);
    return plans.map((one) => (one instanceof DomainError ? one : views.splice(0, one.length)));
  }
}

/** What the command tells; its ids are taken from then on. */
function plan({ events, context }: CreateEvents, taken: Set<string>, now: Date): ToldChange[] {
  const named = new Set<string>();
  const told = events.flatMap((event, index): ToldChange[] => {
    const place = placeIn(events, index);
    if (named.has(event.id)) throw new LineEventNamedTwice(event.id, place);
    if (taken.has(event.id)) throw new LineEventIdTaken(event.id, place);
    named.add(event.id);
    const made = LineEvent.create(event, now, place);
    return made.releaseEvents().map((change) => ({ event: change, context }));
  });
  for (const id of named) taken.add(id);
  return told;
}
