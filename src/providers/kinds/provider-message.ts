import { once } from 'node:events';
import { RightsOf } from '../../identity/index.js';
import { DEVELOPER } from '../../kernel/access/caller.js';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import {
  PermanentError,
  type TaskContext,
  TaskHandler,
  type TaskRunner,
} from '../../tasks/index.js';
import { CreateMessages } from '../commands/create-messages.js';
import { createMessage, type CreateMessageRequest, messageView } from '../messages.dto.js';
import { GetMessages } from '../queries/get-message.js';
import { MessageWatch } from '../queries/message-watch.js';

/**
 * Has a message processed as a task of kind `provider.message`, so that a process can wait for it. The message has the
 * task's id: an attempt that follows a crash finds it again instead of sending it twice.
 */
@TaskHandler('provider.message', {
  payload: createMessage,
  result: messageView.shape.response,
  timeoutMs: 600_000,
})
export class ProviderMessage implements TaskRunner<CreateMessageRequest> {
  constructor(
    private readonly mediator: Mediator,
    private readonly watch: MessageWatch,
  ) {}

  async run(
    payload: CreateMessageRequest,
    { taskId, ownerId, signal }: TaskContext,
  ): Promise<unknown> {
    const id = ownerId ?? DEVELOPER.id;
    const rights = (await this.mediator.ask(new RightsOf([id]))).get(id) ?? new Set<string>();
    const caller = { id, rights };
    await this.mediator.execute(
      new CreateMessages(caller, [createMessage.parse(payload)], [taskId]),
    );
    await this.watch.ended([taskId], signal);
    const [message] = await this.mediator.ask(new GetMessages([taskId], caller.id));
    // The watch ended before the message because the process does; so will this task, and be handed back.
    if (message?.finished_at === null) await once(signal, 'abort');
    signal.throwIfAborted();
    if (message?.state === 'succeeded') return message.response;
    const { code, message: why } = message?.error ?? NO_ERROR;
    throw new PermanentError(why, code);
  }
}

const NO_ERROR = { code: 'message-missing', message: 'The message was deleted before its end.' };
