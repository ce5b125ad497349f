import { Command } from '@nestjs/cqrs';
import type { Caller } from '../../kernel/access/caller.js';
import { Clock } from '../../kernel/clock.js';
import { type BatchHandler, Handles, type Outcome } from '../../kernel/cqrs/handles.js';
import { DomainError, outcomeOf, placeIn } from '../../kernel/domain/domain-error.js';
import { Ids } from '../../kernel/ids.js';
import {
  continueTrace,
  currentContext,
  type TraceContext,
} from '../../kernel/observability/trace-context.js';
import { Message } from '../domain/message.js';
import { Admission } from '../dispatch/admission.js';
import { UNAVAILABLE } from '../domain/message.errors.js';
import { MessageRepository } from '../message.repository.js';
import { toView } from '../message.view.js';
import type { CreateMessageRequest, MessageView } from '../messages.dto.js';

/**
 * Takes messages to be processed, all or none, for their owner. With `ids` a repetition takes nothing twice. Throws
 * `PaidProviderForbidden`, and `FreeQuotaExhausted` when it is certain already that none could be processed in time.
 */
export class CreateMessages extends Command<MessageView[]> {
  readonly context: TraceContext = currentContext() ?? continueTrace();
  constructor(
    readonly caller: Pick<Caller, 'id' | 'rights'>,
    readonly requests: readonly CreateMessageRequest[],
    readonly ids: readonly string[] = [],
  ) {
    super();
  }
}

@Handles(CreateMessages, { batch: 500 })
export class CreateMessagesHandler implements BatchHandler<CreateMessages> {
  constructor(
    private readonly clock: Clock,
    private readonly ids: Ids,
    private readonly admission: Admission,
    private readonly messages: MessageRepository,
  ) {}

  async executeMany(commands: readonly CreateMessages[]): Promise<Outcome<MessageView[]>[]> {
    const planned = commands.map((command) => outcomeOf(() => this.#plan(command)));
    const messages = planned.flatMap((plan) => (plan instanceof DomainError ? [] : plan));
    await this.messages.insertMany(messages);
    return planned.map((plan) =>
      plan instanceof DomainError ? plan : plan.map((message) => toView(message.state)),
    );
  }

  #plan(command: CreateMessages): Message[] {
    const { caller, requests, ids } = command;
    return requests.map((request, index) => {
      this.admission.check(caller.rights, request, placeIn(requests, index));
      return this.#create(command, request, ids[index]);
    });
  }

  #create(command: CreateMessages, request: CreateMessageRequest, id = this.ids.next()): Message {
    const { caller, context } = command;
    const now = this.clock.now();
    const spec = {
      ownerId: caller.id,
      payload: request.payload,
      wish: request.provider,
      maxWaitMs: request.max_wait_ms,
      whenAmbiguous: request.when_ambiguous,
      correlationId: context.correlationId,
      traceparent: context.traceparent,
    };
    const message = Message.create(spec, id, now);
    if (this.admission.isWithoutProvider(caller.rights, request)) message.pause(now, UNAVAILABLE);
    return message;
  }
}
