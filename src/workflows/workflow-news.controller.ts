import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Mediator } from '../kernel/cqrs/mediator.js';
import { ApiAnswer } from '../kernel/http/api.decorators.js';
import { Idempotent } from '../kernel/http/idempotent.decorator.js';
import { inTheSameShape } from '../kernel/http/shapes.js';
import type { Incoming } from '../kernel/messaging/batch-method.js';
import { MessageScope, OnMessage } from '../kernel/messaging/message.decorators.js';
import { DeliverMessages } from './commands/deliver-messages.js';
import { ReportSignals } from './commands/report-signals.js';
import { WORKFLOWS } from './runtime/messages.js';
import {
  message,
  type MessageAnswer,
  messageAnswer,
  type MessageRequest,
  messagesBody,
  signal,
  type SignalAnswer,
  signalAnswer,
  type SignalRequest,
  signalsBody,
} from './workflow-news.dto.js';

const BATCH = 500;

const toNews = <Given extends SignalRequest | MessageRequest>({ key, ...given }: Given) => ({
  ...given,
  key: key ?? null,
});

@ApiTags('workflow news')
@Controller()
@MessageScope(WORKFLOWS)
export class WorkflowNewsController {
  constructor(private readonly mediator: Mediator) {}

  @Post('signals')
  @HttpCode(200)
  @Idempotent()
  @ApiOperation({ summary: 'Tell a signal to all who wait for it now; criteria remember the last' })
  @ApiAnswer(signalAnswer)
  report(
    @Body({ schema: signalsBody }) body: SignalRequest | SignalRequest[],
  ): Promise<SignalAnswer | readonly SignalAnswer[]> {
    return inTheSameShape(body, async (signals) => {
      const heard = await this.mediator.execute(new ReportSignals(signals.map(toNews)));
      return heard.map((count) => ({ heard: count }));
    });
  }

  @OnMessage('signals/report', { batch: BATCH, body: signal })
  async reportMany(messages: readonly Incoming<SignalRequest>[]): Promise<undefined> {
    await this.mediator.execute(new ReportSignals(messages.map(({ body }) => toNews(body))));
  }

  @Post('messages-in')
  @HttpCode(200)
  @Idempotent()
  @ApiOperation({
    summary: 'Give a message to who has waited longest, or keep it until somebody does',
  })
  @ApiAnswer(messageAnswer)
  deliver(
    @Body({ schema: messagesBody }) body: MessageRequest | MessageRequest[],
  ): Promise<MessageAnswer | readonly MessageAnswer[]> {
    return inTheSameShape(body, async (messages) => {
      const states = await this.mediator.execute(new DeliverMessages(messages.map(toNews)));
      return states.map((state) => ({ state }));
    });
  }

  @OnMessage('messages/deliver', { batch: BATCH, body: message })
  async deliverMany(messages: readonly Incoming<MessageRequest>[]): Promise<undefined> {
    await this.mediator.execute(new DeliverMessages(messages.map(({ body }) => toNews(body))));
  }
}
