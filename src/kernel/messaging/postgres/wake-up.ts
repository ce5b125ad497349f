import { randomUUID } from 'node:crypto';
import type { JobStore } from './job-store.js';

const CHANNEL = 'millrace_broker';
const DEBOUNCE_MS = 20;
const MAX_PAYLOAD_BYTES = 7_900;

/**
 * Tells consumers that their queue got something: those of this process at once, those of others by NOTIFY. It goes
 * out by itself after the insert committed, never in its transaction (NOTIFY holds a lock of the whole database until
 * the commit), and at most every 20 ms. It is only a hint: consumers also poll.
 */
export class WakeUp {
  readonly #me = randomUUID();
  readonly #pending = new Set<string>();
  #listening: { close(): Promise<void> } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(
    private readonly store: JobStore,
    /** Without a name every queue is meant. */
    private readonly wake: (queue?: string) => void,
    private readonly onError: (error: unknown) => void,
  ) {}

  async start(): Promise<void> {
    const receive = (payload: string) => this.#receive(payload);
    this.#listening ??= await this.store.listen(CHANNEL, receive, () => this.wake());
  }

  published(queues: Iterable<string>): void {
    for (const queue of queues) {
      this.#pending.add(queue);
      this.wake(queue);
    }
    // The first goes out at once; those that follow within the debounce go together.
    if (this.#timer === undefined && !this.#closed) this.#send();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#sending;
    await this.#listening?.close();
  }

  #receive(payload: string): void {
    const [sender, ...queues] = payload.split(',');
    if (sender === this.#me) return;
    if (queues.length === 0) this.wake();
    for (const queue of queues) this.wake(queue);
  }

  #send(): void {
    const payload = [this.#me, ...this.#pending].join(',');
    this.#pending.clear();
    // Queue names are ASCII, so characters are bytes; without names the notice means every queue.
    const fitting = payload.length <= MAX_PAYLOAD_BYTES ? payload : this.#me;
    this.#sending = this.store
      .sql('select pg_notify($1, $2)', [CHANNEL, fitting])
      .then(() => undefined, this.onError);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#pending.size > 0) this.#send();
    }, DEBOUNCE_MS);
  }
}
