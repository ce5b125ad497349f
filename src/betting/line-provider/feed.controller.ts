import { Body, Controller } from '@nestjs/common';
import { ApiOperation } from '@nestjs/swagger';
import { SystemDoor } from '../../kernel/access/access.decorators.js';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { ApiAnswer } from '../../kernel/http/api.decorators.js';
import { MessageScope, OnMessage } from '../../kernel/messaging/message.decorators.js';
import { snapshot, snapshotRequest, type SnapshotRequest, type SnapshotView } from './feed.dto.js';
import { TakeSnapshot } from './queries/take-snapshot.js';

/** The door for consumers of the feed: what they missed, they ask for. */
@Controller()
@MessageScope('line-provider')
export class FeedController {
  constructor(private readonly mediator: Mediator) {}

  @SystemDoor()
  @OnMessage('events/snapshot', { idempotent: true })
  @ApiOperation({ summary: 'The events as they are now, page by page' })
  @ApiAnswer(snapshot)
  takeSnapshot(@Body({ schema: snapshotRequest }) body: SnapshotRequest): Promise<SnapshotView> {
    return this.mediator.ask(new TakeSnapshot(body));
  }
}
