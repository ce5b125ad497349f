import { Inject } from '@nestjs/common';
import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../../kernel/cqrs/handles.js';
import { ENV, type Env } from '../../../kernel/env.js';
import { Outbox } from '../../../kernel/outbox/outbox.js';
import { FeedRepository } from '../line/feed.repository.js';
import type { Heartbeat, LineEvent } from '../line/line.dto.js';
import { LineRepository } from '../line/line.repository.js';
import { settleMessage } from '../bet.messages.js';
import { SettlementRepository } from '../settlement.repository.js';

/** Takes over what is newer than what is known, and begins the settlements that follow from it. */
export class ApplyLine extends Command<void> {
  /** `incarnation`: the events are a snapshot of that one, and outdo those of another. */
  constructor(
    readonly events: readonly LineEvent[],
    readonly incarnation?: string,
  ) {
    super();
  }
}

@Handles(ApplyLine)
export class ApplyLineHandler implements Handler<ApplyLine> {
  constructor(
    private readonly line: LineRepository,
    private readonly feed: FeedRepository,
    private readonly settlements: SettlementRepository,
    private readonly outbox: Outbox,
  ) {}

  async execute({ events, incarnation }: ApplyLine): Promise<void> {
    if (events.length === 0) return;
    const changed = await this.line.apply(events, incarnation);
    await this.feed.see(events.map((event) => event.feed_version));
    if (changed.some(({ hasGap }) => hasGap)) await this.feed.wantSnapshot();
    const begun = await this.settlements.begin(changed.map(({ event }) => event));
    await this.outbox.append(begun.map((job) => settleMessage(job)));
  }
}

/** A sign of life; one that is not newer than the last is none. */
export class HearHeartbeat extends Command<void> {
  constructor(readonly heartbeat: Heartbeat) {
    super();
  }
}

@Handles(HearHeartbeat)
export class HearHeartbeatHandler implements Handler<HearHeartbeat> {
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly feed: FeedRepository,
  ) {}

  async execute({ heartbeat }: HearHeartbeat): Promise<void> {
    await this.feed.beat(heartbeat, this.env.BETS_LINE_SILENCE_MS);
  }
}

/** A snapshot that was begun at `askedAt` is complete: all changes up to its feed version are known. */
export class CompleteSnapshot extends Command<void> {
  constructor(
    readonly incarnation: string,
    readonly feedVersion: string,
    readonly askedAt: Date,
  ) {
    super();
  }
}

@Handles(CompleteSnapshot)
export class CompleteSnapshotHandler implements Handler<CompleteSnapshot> {
  constructor(
    private readonly feed: FeedRepository,
    private readonly line: LineRepository,
  ) {}

  async execute({ incarnation, feedVersion, askedAt }: CompleteSnapshot): Promise<void> {
    await this.line.suspendForgotten(incarnation);
    await this.feed.complete(incarnation, feedVersion, askedAt);
  }
}

/** Answers since when a snapshot is being taken, if one is needed and nobody else is at it. */
export class TakeSnapshotTurn extends Command<Date | undefined> {
  constructor(
    readonly silenceMs: number,
    readonly leaseMs: number,
  ) {
    super();
  }
}

@Handles(TakeSnapshotTurn)
export class TakeSnapshotTurnHandler implements Handler<TakeSnapshotTurn> {
  constructor(private readonly feed: FeedRepository) {}

  execute({ silenceMs, leaseMs }: TakeSnapshotTurn): Promise<Date | undefined> {
    return this.feed.takeTurn(silenceMs, leaseMs);
  }
}
