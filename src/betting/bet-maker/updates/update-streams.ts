import { Injectable } from '@nestjs/common';
import { DomainError } from '../../../kernel/domain/domain-error.js';
import { Loop } from '../../../kernel/loop.js';
import { Signals } from '../../../kernel/redis/signals.js';
import {
  type Notification,
  NotificationRepository,
  type Place,
  UPDATES,
} from './notification.repository.js';
import { Subscriptions } from './subscriptions.repository.js';
import { UpdateStream } from './update-stream.js';

const LOOK_MS = 250;
const PING_MS = 15_000;
const MAX_STREAMS = 20_000;
const ROWS = 5_000;
const PLACE = /^(\d{1,19})\.(\d{1,18})$/;

/**
 * Shows notifications to those whom they are for. One query per quarter of a second, or per signal, serves all clients of
 * this process, and none is made when there are none. Everything before the horizon has been shown to everybody.
 */
@Injectable()
export class UpdateStreams {
  readonly #loop = new Loop({ name: 'UpdateStreams', idleMs: LOOK_MS }, () => this.#look());
  readonly #streams = new Map<string, Set<UpdateStream>>();
  #count = 0;
  /** Undefined while nobody is connected. */
  #shownUntil: string | undefined;
  #pingedAt = performance.now();
  #stopped = false;

  constructor(
    private readonly notifications: NotificationRepository,
    private readonly subscriptions: Subscriptions,
    private readonly signals: Signals,
  ) {}

  start(): void {
    this.signals.on(UPDATES, () => {
      this.#loop.wake();
    });
    this.#loop.start();
  }

  /** Ends every stream; its client will come back to another process. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#loop.stop();
    for (const stream of this.#all()) stream.finish();
  }

  /**
   * What comes from now on, or behind the event that the client has seen last. The caller connects the stream
   * to the client in the same turn. Throws `ShuttingDown`, `TooManyListeners`, `BrokenEventId`.
   */
  async open(owner: string, lastEventId: string | undefined): Promise<UpdateStream> {
    if (this.#stopped) throw new ShuttingDown();
    if (this.#count >= MAX_STREAMS) throw new TooManyListeners();
    const seen = lastEventId === undefined ? undefined : placeOf(lastEventId);
    const stream = new UpdateStream(owner);
    this.#shownUntil ??= await this.notifications.horizon();
    if (seen) await this.#catchUp(stream, seen);
    this.#add(stream);
    return stream;
  }

  /** Ends in the turn in which the stream has seen all that was shown, so that nothing falls between the two. */
  async #catchUp(stream: UpdateStream, seen: Place): Promise<void> {
    let place = seen;
    for (;;) {
      const horizon = this.#shownUntil ?? (await this.notifications.horizon());
      const missed = await this.notifications.missedBy(stream.owner, place, horizon, ROWS);
      for (const one of missed) stream.show(textOf(one));
      const last = missed.at(-1);
      if (last) place = last;
      if (missed.length < ROWS && (this.#shownUntil ??= horizon) === horizon) return;
    }
  }

  #add(stream: UpdateStream): void {
    const others = this.#streams.get(stream.owner) ?? new Set();
    this.#streams.set(stream.owner, others.add(stream));
    this.#count += 1;
    stream.onGone(() => {
      this.#count -= 1;
      others.delete(stream);
      if (others.size === 0 && this.#streams.get(stream.owner) === others) {
        this.#streams.delete(stream.owner);
      }
    });
  }

  async #look(): Promise<number> {
    if (this.#count === 0) {
      this.#shownUntil = undefined;
      return 0;
    }
    this.#ping();
    const from = this.#shownUntil;
    const horizon = await this.notifications.horizon();
    // Who comes from now on catches up to the horizon by itself.
    this.#shownUntil = horizon;
    if (from === undefined || from === horizon) return 0;
    try {
      await this.#show(from, horizon);
    } catch (error) {
      this.#shownUntil = from;
      throw error;
    }
    return 0;
  }

  async #show(from: string, horizon: string): Promise<void> {
    const streams = new Map([...this.#streams].map(([owner, own]) => [owner, [...own]]));
    const owners = [...streams.keys()];
    let place: Place = { tx: from, id: '0' };
    for (;;) {
      const rows = await this.notifications.between(place, horizon, owners, ROWS);
      for (const row of rows) await this.#tell(row, streams);
      const last = rows.at(-1);
      if (!last || rows.length < ROWS) return;
      place = last;
    }
  }

  async #tell(
    notification: Notification,
    streams: ReadonlyMap<string, readonly UpdateStream[]>,
  ): Promise<void> {
    const { owner_id: owner, event_id: eventId } = notification;
    const owners =
      owner === null ? await this.subscriptions.among(eventId, new Set(streams.keys())) : [owner];
    const text = textOf(notification);
    for (const one of owners) for (const stream of streams.get(one) ?? []) stream.show(text);
  }

  #ping(): void {
    if (performance.now() - this.#pingedAt < PING_MS) return;
    this.#pingedAt = performance.now();
    for (const stream of this.#all()) stream.show(': ping\n\n');
  }

  #all(): UpdateStream[] {
    return [...this.#streams.values()].flatMap((streams) => [...streams]);
  }
}

function textOf({ tx, id, kind, body }: Notification): string {
  return `id: ${tx}.${id}\nevent: ${kind}\ndata: ${body}\n\n`;
}

function placeOf(eventId: string): Place {
  const [, tx, id] = PLACE.exec(eventId) ?? [];
  if (tx !== undefined && id !== undefined) return { tx, id };
  throw new DomainError('malformed', 'broken-event-id', 'Last-Event-ID is none of this stream.', {
    errors: [
      { field: 'headers.last-event-id', message: 'must be the id of an event of this stream' },
    ],
  });
}

class ShuttingDown extends DomainError {
  constructor() {
    super('unavailable', 'shutting-down', 'This process is about to end; ask again.');
  }
}

class TooManyListeners extends DomainError {
  constructor() {
    super(
      'unavailable',
      'too-many-listeners',
      `${String(MAX_STREAMS)} clients listen here already.`,
    );
  }
}
