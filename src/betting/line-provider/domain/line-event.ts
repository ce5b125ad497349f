import { Aggregate } from '../../../kernel/domain/aggregate.js';
import type { DomainEvent } from '../../../kernel/domain/domain-event.js';
import {
  DeadlineNotInFuture,
  LineEventAlreadySettled,
  LineEventClosed,
  LineEventNotSettled,
  LineEventVersionStale,
} from './line-event.errors.js';
import type { Ending, Goal, LineChange, LineEventState } from './line-event.state.js';

export const LINE_EVENT_CHANGED = 'line-provider.event-changed.v1';

/** One per version, with the whole state: who missed some is right again with the next. */
export type LineEventChanged = DomainEvent<LineEventState>;

export type NewLineEvent = Pick<LineEventState, 'id' | 'ratio' | 'deadline'> & {
  readonly status: 'open' | 'suspended';
};

/** What may change while betting goes on. */
type Offer = Pick<LineEventState, 'ratio' | 'deadline' | 'status'>;

/**
 * Something that can be betted on: open ⇄ suspended → closed → resulted or voided. Each change is a version of its own,
 * told by an event; a wish that is met already is none.
 */
export class LineEvent extends Aggregate {
  #state: LineEventState;

  private constructor(state: LineEventState) {
    super();
    this.#state = state;
  }

  /** Throws {@link DeadlineNotInFuture}. */
  static create(event: NewLineEvent, now: Date, place = ''): LineEvent {
    if (event.deadline <= now) throw new DeadlineNotInFuture(event.deadline, place);
    const created = new LineEvent({
      ...event,
      version: 1,
      result: null,
      createdAt: now,
      changedAt: now,
    });
    created.#tell();
    return created;
  }

  static of(state: LineEventState): LineEvent {
    return new LineEvent(state);
  }

  /** The same event without what this one has to tell; for changes that are void unless all of them succeed. */
  copy(): LineEvent {
    return new LineEvent(this.#state);
  }

  get state(): LineEventState {
    return this.#state;
  }

  override releaseEvents(): readonly LineEventChanged[] {
    return super.releaseEvents() as readonly LineEventChanged[];
  }

  /**
   * Does what is wanted. An event whose deadline has passed is closed first, and so is one that ends while it is open.
   * Throws {@link LineEventVersionStale}, {@link LineEventClosed}, {@link DeadlineNotInFuture},
   * {@link LineEventAlreadySettled}, {@link LineEventNotSettled}.
   */
  change({ version, ratio, deadline, goal }: LineChange, now: Date, place = ''): void {
    if (version !== undefined && version !== this.#state.version) {
      throw new LineEventVersionStale(this.#state.id, this.#state.version, place);
    }
    this.closeIfDue(now);
    const status = goal && goal.to !== 'settled' ? goal.to : undefined;
    this.#offer(this.#differing({ ratio, deadline, status }), now, place);
    if (goal?.to === 'settled') this.#settle(goal, now);
  }

  closeIfDue(now: Date): void {
    if (this.#isBettable && this.#state.deadline <= now) this.#close(now);
  }

  get #isBettable(): boolean {
    return this.#state.status === 'open' || this.#state.status === 'suspended';
  }

  #differing(wanted: { [Key in keyof Offer]: Offer[Key] | undefined }): Partial<Offer> {
    const { ratio, deadline, status } = this.#state;
    return {
      ...((wanted.ratio ?? ratio) !== ratio ? { ratio: wanted.ratio ?? ratio } : {}),
      ...((wanted.status ?? status) !== status ? { status: wanted.status ?? status } : {}),
      ...((wanted.deadline ?? deadline).getTime() !== deadline.getTime()
        ? { deadline: wanted.deadline ?? deadline }
        : {}),
    };
  }

  #offer(changed: Partial<Offer>, now: Date, place: string): void {
    const names = Object.keys(changed);
    if (names.length === 0) return;
    const { id, status } = this.#state;
    if (!this.#isBettable) throw new LineEventClosed(id, status, names, place);
    if (changed.deadline && changed.deadline <= now) {
      throw new DeadlineNotInFuture(changed.deadline, place);
    }
    this.#change(changed.status === 'closed' ? { ...changed, deadline: now } : changed, now);
  }

  #settle({ ending, again = false }: Extract<Goal, { to: 'settled' }>, now: Date): void {
    const { result } = this.#state;
    if (result && isSame(result, ending)) return;
    this.#expectSettled(again);
    if (this.#isBettable) this.#close(now);
    const settlement = (result?.settlement ?? 0) + 1;
    const settled = ending.outcome === 'void' ? 'voided' : 'resulted';
    this.#change({ status: settled, result: { ...ending, settlement } }, now);
  }

  #expectSettled(isWanted: boolean): void {
    const { id, result, status } = this.#state;
    if (isWanted && !result) throw new LineEventNotSettled(id, status);
    if (!isWanted && result) throw new LineEventAlreadySettled(id, result.outcome);
  }

  /** The deadline tells consumers when betting ended, even if they see only a later version. */
  #close(now: Date): void {
    const { deadline } = this.#state;
    this.#change({ status: 'closed', deadline: deadline < now ? deadline : now }, now);
  }

  #change(change: Partial<LineEventState>, now: Date): void {
    const version = this.#state.version + 1;
    this.#state = { ...this.#state, ...change, version, changedAt: now };
    this.#tell();
  }

  #tell(): void {
    const told: LineEventChanged = {
      type: LINE_EVENT_CHANGED,
      key: this.#state.id,
      data: this.#state,
    };
    this.record(told);
  }
}

function isSame(one: Ending, other: Ending): boolean {
  return (
    one.outcome === other.outcome &&
    one.voidShare === other.voidShare &&
    one.deadHeat === other.deadHeat
  );
}
