import type { DomainEvent } from './domain-event.js';

/** A consistency boundary that remembers what happened to it until its repository saves it. */
export abstract class Aggregate {
  #events: DomainEvent[] = [];

  protected record(event: DomainEvent): void {
    this.#events.push(event);
  }

  /** Hands over the recorded events once; the repository appends them to the outbox as it saves. */
  releaseEvents(): readonly DomainEvent[] {
    const released = this.#events;
    this.#events = [];
    return released;
  }
}
