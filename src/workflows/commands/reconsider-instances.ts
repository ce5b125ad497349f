import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { Outbox } from '../../kernel/outbox/outbox.js';
import { InstanceRepository } from '../instance.repository.js';
import { reconsiderMessage } from '../runtime/messages.js';
import { TellInstances } from './tell-instances.js';

/** In one transaction; a message asks for the next ones. */
const AT_ONCE = 500;

/** Lets running instances look at their conditions again, because what these are measured by has changed. */
export class ReconsiderInstances extends Command<void> {
  constructor(
    readonly key: string,
    readonly after?: string,
  ) {
    super();
  }
}

@Handles(ReconsiderInstances)
export class ReconsiderInstancesHandler implements Handler<ReconsiderInstances> {
  constructor(
    private readonly mediator: Mediator,
    private readonly outbox: Outbox,
    private readonly instances: InstanceRepository,
  ) {}

  async execute({ key, after }: ReconsiderInstances): Promise<void> {
    const ids = await this.instances.runningAfter(key, after, AT_ONCE);
    const last = ids.at(-1);
    if (last === undefined) return;
    const command = { type: 'reconsider' } as const;
    await this.mediator.execute(
      new TellInstances(ids.map((instanceId) => ({ instanceId, command }))),
    );
    if (ids.length === AT_ONCE) await this.outbox.append([reconsiderMessage(key, last)]);
  }
}
