import { Command } from '@nestjs/cqrs';
import { type BatchHandler, Handles, type Outcome } from '../../../kernel/cqrs/handles.js';
import { DomainError, outcomeOf, placeIn } from '../../../kernel/domain/domain-error.js';
import {
  continueTrace,
  currentContext,
  type TraceContext,
} from '../../../kernel/observability/trace-context.js';
import { LineEvent } from '../domain/line-event.js';
import { LineEventNamedTwice, LineEventNotFound } from '../domain/line-event.errors.js';
import type { LineChange, SavedLineEvent } from '../domain/line-event.state.js';
import { LineEventRepository, type ToldChange } from '../line-event.repository.js';
import { toView } from '../line-event.rows.js';
import type { LineEventView } from '../line-events.dto.js';

/**
 * Changes events, all or none: odds, deadline, status, up to their end and its correction. What is so already is no
 * change. Throws `LineEventNotFound`, `LineEventNamedTwice`, and what {@link LineEvent.change} throws.
 */
export class ChangeEvents extends Command<LineEventView[]> {
  readonly context: TraceContext = currentContext() ?? continueTrace();
  constructor(readonly changes: readonly LineChange[]) {
    super();
  }
}

interface Plan {
  /** The events as the command leaves them. */
  readonly events: readonly LineEvent[];
  readonly told: readonly ToldChange[];
}

@Handles(ChangeEvents, { batch: 500 })
export class ChangeEventsHandler implements BatchHandler<ChangeEvents> {
  constructor(private readonly events: LineEventRepository) {}

  /** Commands for the same event are done one after the other, each with versions of its own. */
  async executeMany(commands: readonly ChangeEvents[]): Promise<Outcome<LineEventView[]>[]> {
    const ids = commands.flatMap(({ changes }) => changes.map(({ eventId }) => eventId));
    const loaded = await this.events.loadMany([...new Set(ids)]);
    const now = await this.events.now();
    const line = new Map(loaded.map((event) => [event.id, LineEvent.of(event)]));
    const closed = closeDue([...line.values()], now);
    const plans = commands.map((command) => outcomeOf(() => plan(command, line, now)));
    const told = plans.flatMap((one) => (one instanceof DomainError ? [] : one.told));
    const saved = await this.events.saveMany([...closed, ...told]);
    const viewOf = viewsOf([...loaded, ...saved]);
    return plans.map((one) => (one instanceof DomainError ? one : one.events.map(viewOf)));
  }
}

/** Closed for good, whatever becomes of the commands: while they keep an event locked, nobody else can close it. */
function closeDue(events: readonly LineEvent[], now: Date): ToldChange[] {
  for (const event of events) event.closeIfDue(now);
  const released = events.flatMap((event) => event.releaseEvents());
  return released.map((event) => ({ event, context: undefined }));
}

/** Does the command on the line; one that fails leaves nothing behind. */
function plan({ changes, context }: ChangeEvents, line: Map<string, LineEvent>, now: Date): Plan {
  const changed = new Map<string, LineEvent>();
  changes.forEach((change, index) => {
    const place = placeIn(changes, index);
    if (changed.has(change.eventId)) throw new LineEventNamedTwice(change.eventId, place);
    const event = line.get(change.eventId)?.copy();
    if (!event) throw new LineEventNotFound(change.eventId, place);
    event.change(change, now, place);
    changed.set(change.eventId, event);
  });
  for (const [id, event] of changed) line.set(id, event);
  const events = [...changed.values()];
  const released = events.flatMap((event) => event.releaseEvents());
  return { events, told: released.map((event) => ({ event, context })) };
}

/** A version of an event is told apart from its others by its number in the feed, which only saving gives. */
function viewsOf(versions: readonly SavedLineEvent[]): (event: LineEvent) => LineEventView {
  const keyOf = ({ id, version }: LineEvent['state']) => `${String(version)} ${id}`;
  const saved = new Map(versions.map((event) => [keyOf(event), event]));
  return ({ state }) => {
    const found = saved.get(keyOf(state));
    if (!found) throw new Error(`Version ${String(state.version)} of ${state.id} was not saved`);
    return toView(found);
  };
}
