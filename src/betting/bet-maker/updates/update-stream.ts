import type { Writable } from 'node:stream';

/** A client that reads this slowly is sent away; it comes back with the last id that it has seen. */
const MAX_BUFFERED_BYTES = 1_048_576;

/**
 * The server-sent events of one client, written straight into its connection: a stream in between costs each of ten
 * thousand clients memory and time. What is shown before there is a connection waits for it.
 */
export class UpdateStream {
  #connection: Writable | undefined;
  #waiting: string[] = [];
  #hasEnded = false;
  #onGone: () => void = () => undefined;

  constructor(readonly owner: string) {
    // Sends the headers at once, and says how soon to come back after the connection broke.
    this.#waiting.push('retry: 1000\n\n');
  }

  /** `forget` is called once, when the client is gone. */
  onGone(forget: () => void): void {
    this.#onGone = forget;
  }

  sendTo(connection: Writable): void {
    this.#connection = connection;
    const gone = (): void => {
      this.#hasEnded = true;
      this.#onGone();
    };
    if (connection.destroyed) {
      gone();
      return;
    }
    connection.once('close', gone);
    connection.write(this.#waiting.join(''));
    this.#waiting = [];
    if (this.#hasEnded) connection.end();
  }

  show(event: string): void {
    if (this.#hasEnded) return;
    if (!this.#connection) this.#waiting.push(event);
    else if (this.#connection.writableLength > MAX_BUFFERED_BYTES) this.finish();
    else this.#connection.write(event);
  }

  finish(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#connection?.end();
  }
}
