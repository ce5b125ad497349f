import type {
  Call,
  CallResult,
  MessageError,
  MessageSpec,
  MessageState,
  MessageStatus,
} from './message.state.js';

/** A message that failed so often is not sent again. */
export const MAX_FAILURES = 3;

const FIRST_PAUSE_MS = 100;

/** What a user asks to have processed by a provider. Its row in Postgres is the truth. */
export class Message {
  #state: MessageState;

  private constructor(state: MessageState) {
    this.#state = state;
  }

  static create(spec: MessageSpec, id: string, now: Date): Message {
    return new Message({
      ...spec,
      id,
      status: 'queued',
      provider: null,
      pinned: false,
      attempts: 0,
      failures: 0,
      response: null,
      error: null,
      costMicros: 0,
      runAt: now,
      createdAt: now,
      finishedAt: null,
    });
  }

  static of(state: MessageState): Message {
    return new Message(state);
  }

  get state(): MessageState {
    return this.#state;
  }

  /** Until then it may wait for the free provider. */
  get waitsUntil(): Date {
    return new Date(this.#state.createdAt.getTime() + this.#state.maxWaitMs);
  }

  /** Applies how its next call ended; whatever was written is paid for. `random` is in [0, 1). */
  settle(call: Call, now: Date, random: number): void {
    const { result, provider } = call;
    const attempts = this.#state.attempts + 1;
    const spent = result.kind === 'unsent' ? 0 : call.costMicros;
    this.#change({ provider, attempts, costMicros: this.#state.costMicros + spent });
    switch (result.kind) {
      case 'answered':
        this.#change({ response: result.response });
        this.#finish('succeeded', null, now);
        return;
      case 'refused':
      case 'unsent': // the quota and the circuit know by now, so the next decision is another one
        this.#queue(now);
        return;
      case 'rejected':
        this.#finish('failed', errorOf(result), now);
        return;
      case 'broken':
        this.#fail(result, now, random);
        return;
      case 'unknown':
        this.#doubt(call, result, { now, random });
    }
  }

  /** Sets it aside until the free provider takes calls again. */
  wait(until: Date, error: MessageError): void {
    this.#change({ status: 'waiting', runAt: until, error });
  }

  /** Leaves it in the queue until a provider may work again. */
  pause(until: Date, error: MessageError): void {
    this.#change({ status: 'queued', runAt: until, error });
  }

  /** Ends it without a call. */
  refuse(error: MessageError, now: Date): void {
    this.#finish(this.#state.pinned ? 'ambiguous' : 'failed', error, now);
  }

  /** Gives it back as it was, because the process that held it has to stop. */
  handBack(now: Date): void {
    this.#queue(now);
  }

  #fail(result: FailedCall, now: Date, random: number): void {
    const failures = this.#state.failures + 1;
    this.#change({ failures, pinned: false });
    if (failures < MAX_FAILURES) this.#queueLater(now, random);
    else this.#finish('failed', errorOf(result), now);
  }

  #doubt(call: Call, result: FailedCall, { now, random }: { now: Date; random: number }): void {
    const failures = this.#state.failures + 1;
    this.#change({ failures, pinned: call.honoursKeys });
    const mayResend = call.honoursKeys || this.#state.whenAmbiguous === 'resend';
    if (mayResend && failures < MAX_FAILURES) this.#queueLater(now, random);
    else this.#finish('ambiguous', errorOf(result), now);
  }

  #queue(at: Date): void {
    this.#change({ status: 'queued', runAt: at, error: null });
  }

  #queueLater(now: Date, random: number): void {
    const pause = FIRST_PAUSE_MS * 2 ** this.#state.failures * (0.5 + random / 2);
    this.#queue(new Date(now.getTime() + pause));
  }

  #finish(status: MessageStatus, error: MessageError | null, now: Date): void {
    this.#change({ status, error, finishedAt: now });
  }

  #change(change: Partial<MessageState>): void {
    this.#state = { ...this.#state, ...change };
  }
}

type FailedCall = Extract<CallResult, { readonly code: string }>;

function errorOf({ code, message }: FailedCall): MessageError {
  return { code, message };
}
