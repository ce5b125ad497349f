import { Injectable } from '@nestjs/common';
import { Clock } from '../clock.js';
import { passedOn } from '../outbox/outbox-message.js';
import { Outbox } from '../outbox/outbox.js';
import { UnitOfWork } from '../persistence/unit-of-work.js';
import { type DeadLetterRow, revived } from './dead-letter.js';
import { DeadLetterMetrics } from './dead-letter.metrics.js';
import { DeadLetterStore, type LetterPlace } from './dead-letter.store.js';
import { DeadLetterAlreadyRedriven, DeadLetterNotFound } from './dead-letters.errors.js';
import type { RedriveAnswer, RedriveRequest } from './dead-letters.dto.js';

const CHUNK = 500;
const SAMPLE = 10;

/**
 * Sends dead letters to the queue they died in, through the outbox, in the transaction that marks them. A message
 * keeps its id, so what the inbox has seen handled has no second effect.
 */
@Injectable()
export class Redrive {
  constructor(
    private readonly clock: Clock,
    private readonly unitOfWork: UnitOfWork,
    private readonly outbox: Outbox,
    private readonly store: DeadLetterStore,
    private readonly metrics: DeadLetterMetrics,
  ) {}

  /** Throws `DeadLetterNotFound`, `DeadLetterAlreadyRedriven`. */
  async one(id: string): Promise<void> {
    await this.unitOfWork.run(async () => {
      const letter = await this.store.takeOne(id);
      if (letter) return this.#send([letter]);
      throw (await this.store.get(id))
        ? new DeadLetterAlreadyRedriven(id)
        : new DeadLetterNotFound(id);
    });
  }

  /**
   * Redrives the dead letters of a filter, oldest first, some hundreds per transaction. A process that dies in between
   * leaves whole chunks behind: the same request then goes on with the rest. Letters that die while it runs, again or
   * for the first time, are not part of it.
   */
  async matching({ filter, limit, dry_run: dryRun }: RedriveRequest): Promise<RedriveAnswer> {
    const now = this.clock.now();
    const before = new Date(filter.died_before ?? now);
    const until = (before < now ? before : now).toISOString();
    const dead = { ...filter, state: 'dead', died_before: until } as const;
    const matched = await this.store.count(dead);
    if (dryRun) {
      const sample = await this.store.list(dead, SAMPLE);
      return { matched, dry_run: true, sample: sample.map(({ id }) => id) };
    }
    let redriven = 0;
    let after: LetterPlace | undefined;
    while (redriven < limit) {
      const chunk = await this.unitOfWork.run(async () => {
        const letters = await this.store.takeNext(dead, Math.min(CHUNK, limit - redriven), after);
        await this.#send(letters);
        return letters.map((letter) => [letter.died_at, letter.id] as const);
      });
      if (chunk.length === 0) break;
      redriven += chunk.length;
      after = chunk.at(-1);
    }
    return { matched, redriven, remaining: Math.max(0, matched - redriven) };
  }

  async #send(letters: readonly DeadLetterRow[]): Promise<void> {
    await this.outbox.append(letters.map((letter) => passedOn(revived(letter))));
    this.unitOfWork.afterCommit(() => {
      for (const { queue } of letters) this.metrics.redriven.inc({ queue });
    });
  }
}
