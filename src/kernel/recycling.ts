import { Injectable } from '@nestjs/common';

/**
 * The way for any part of the process to say that it should not live on: it then finishes the work at hand, as at a
 * shutdown, and exits with code 1, so that whoever supervises it starts a fresh one. The first reason counts.
 */
@Injectable()
export class Recycling {
  readonly #asked = Promise.withResolvers<string>();

  /** Resolves to the reason once somebody has asked; never rejects. */
  get asked(): Promise<string> {
    return this.#asked.promise;
  }

  ask(reason: string): void {
    this.#asked.resolve(reason);
  }
}
