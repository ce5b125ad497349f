import { Inject, Injectable, Logger } from '@nestjs/common';
import { firstValueFrom } from 'rxjs';
import { Mediator } from '../../../kernel/cqrs/mediator.js';
import { ENV, type Env } from '../../../kernel/env.js';
import { Loop } from '../../../kernel/loop.js';
import { MessageClient, MessageRecord } from '../../../kernel/messaging/message-client.js';
import { ApplyLine, CompleteSnapshot, TakeSnapshotTurn } from '../commands/apply-line.js';
import { ResumeSettlements } from '../commands/settle-bets.js';
import { IsLineKnown } from '../queries/events.js';
import { lineSnapshot, type LineSnapshot } from './line.dto.js';

const LOOK_MS = 1_000;
/** While one process asks, the others leave it alone for so long. */
const LEASE_MS = 2_000;
const PAGE = 1_000;
const TIMEOUT_MS = 2_000;
/** An id that nobody knows is not asked for again within this time. */
const UNKNOWN_MS = 5_000;
const MAX_UNKNOWN = 10_000;

/**
 * Keeps the picture of the line whole: asks the line provider for a snapshot when something is missing, when it was
 * silent, or when it lost its data. Nothing fails when it does not answer; it is asked again.
 */
@Injectable()
export class LineKeeper {
  readonly #logger = new Logger(LineKeeper.name);
  readonly #loop = new Loop({ name: 'LineKeeper', idleMs: LOOK_MS }, () => this.#look());
  readonly #asked = new Map<string, number>();
  #syncing: Promise<boolean> | undefined;
  #isAway = false;
  #hasHeard = false;

  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly mediator: Mediator,
    private readonly client: MessageClient,
  ) {}

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Brings the whole picture up to date, unless somebody else is at it; false when that was not possible. */
  sync(): Promise<boolean> {
    this.#syncing ??= this.#attempt(() => this.#takeSnapshot()).finally(() => {
      this.#syncing = undefined;
    });
    return this.#syncing;
  }

  /** Who has never heard of any event asks for them, before it answers that there are none. */
  async hearOfEvents(): Promise<void> {
    this.#hasHeard ||= await this.mediator.ask(new IsLineKnown());
    if (!this.#hasHeard) await this.sync();
  }

  /** Asks for events that were never heard of; false when that was not possible, or was tried a moment ago. */
  async learn(ids: readonly string[]): Promise<boolean> {
    const now = performance.now();
    const wanted = ids.filter((id) => (this.#asked.get(id) ?? -UNKNOWN_MS) + UNKNOWN_MS <= now);
    if (wanted.length === 0) return false;
    if (this.#asked.size > MAX_UNKNOWN) this.#asked.clear();
    for (const id of wanted) this.#asked.set(id, now);
    return this.#attempt(async () => {
      const { items, incarnation } = await this.#ask({ event_ids: wanted });
      await this.mediator.execute(new ApplyLine(items, incarnation));
      return items.length > 0;
    });
  }

  async #look(): Promise<number> {
    await this.mediator.execute(new ResumeSettlements());
    await this.sync();
    return 0;
  }

  async #takeSnapshot(): Promise<boolean> {
    const askedAt = await this.mediator.execute(
      new TakeSnapshotTurn(this.env.BETS_LINE_SILENCE_MS, LEASE_MS),
    );
    if (!askedAt) return false;
    const first = await this.#ask({ limit: PAGE });
    let { items, next_cursor: cursor } = first;
    await this.mediator.execute(new ApplyLine(items, first.incarnation));
    while (cursor !== null) {
      const next = await this.#ask({ limit: PAGE, cursor });
      if (next.incarnation !== first.incarnation) return false; // begun again by the next look
      ({ items, next_cursor: cursor } = next);
      await this.mediator.execute(new ApplyLine(items, next.incarnation));
    }
    // Later pages may know more; what the first one said is in all of them.
    const { incarnation, feed_version: feedVersion } = first;
    await this.mediator.execute(new CompleteSnapshot(incarnation, feedVersion, askedAt));
    return true;
  }

  async #ask(body: object): Promise<LineSnapshot> {
    const question = new MessageRecord(body, { timeoutMs: TIMEOUT_MS });
    const answer = await firstValueFrom(
      this.client.send<unknown>('line-provider/events/snapshot', question),
    );
    return lineSnapshot.parse(answer);
  }

  /** The line provider may be away for as long as it likes: told once, not at every attempt. */
  async #attempt(work: () => Promise<boolean>): Promise<boolean> {
    try {
      const done = await work();
      if (done) this.#isAway = false;
      return done;
    } catch (error) {
      if (!this.#isAway) this.#logger.warn({ err: error }, 'The line provider gives no snapshot');
      this.#isAway = true;
      return false;
    }
  }
}
