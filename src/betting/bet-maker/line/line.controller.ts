import { Body, Controller } from '@nestjs/common';
import { Mediator } from '../../../kernel/cqrs/mediator.js';
import type { Incoming } from '../../../kernel/messaging/batch-method.js';
import { MessageScope, OnEvent } from '../../../kernel/messaging/message.decorators.js';
import { ApplyLine, HearHeartbeat } from '../commands/apply-line.js';
import { type Heartbeat, heartbeat, type LineEvent, lineEvent } from './line.dto.js';

/** What the line provider says. Versions and instants decide what is new, so repetitions and any order are harmless. */
@Controller()
@MessageScope('bet-maker-line')
export class LineController {
  constructor(private readonly mediator: Mediator) {}

  @OnEvent('line-provider.event-changed.v1', { batch: 500, body: lineEvent, idempotent: true })
  async followTheLine(messages: readonly Incoming<LineEvent>[]): Promise<undefined> {
    await this.mediator.execute(new ApplyLine(messages.map(({ body }) => body)));
  }

  @OnEvent('line-provider.heartbeat.v1', { idempotent: true })
  async hearHeartbeat(@Body({ schema: heartbeat }) body: Heartbeat): Promise<void> {
    await this.mediator.execute(new HearHeartbeat(body));
  }
}
