import { Readable } from 'node:stream';

/** A client that reads this slowly is sent away; it comes back with the last id that it has seen. */
const MAX_BUFFERED_BYTES = 1_048_576;

/** The server-sent events of one client. */
export class UpdateStream extends Readable {
  #hasEnded = false;

  constructor(readonly owner: string) {
    super({ read: () => undefined });
    // Sends the headers at once, and says how soon to come back after the connection broke.
    this.push('retry: 1000\n\n');
  }

  show(text: string): void {
    if (this.#hasEnded) return;
    this.push(text);
    if (this.readableLength > MAX_BUFFERED_BYTES) this.finish();
  }

  finish(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.push(null);
  }
}
