import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { InstanceRepository } from '../instance.repository.js';
import type { WorkRef } from '../runtime/instance.js';
import { TellInstances } from './tell-instances.js';

/** Cancels what tokens have called and do not wait for any more. What has ended by itself is left as it is. */
export class CancelChildren extends Command<void> {
  constructor(readonly parents: readonly WorkRef[]) {
    super();
  }
}

@Handles(CancelChildren)
export class CancelChildrenHandler implements Handler<CancelChildren> {
  constructor(
    private readonly mediator: Mediator,
    private readonly instances: InstanceRepository,
  ) {}

  async execute({ parents }: CancelChildren): Promise<void> {
    const children = await this.instances.childrenOf(parents);
    const command = { type: 'cancel' } as const;
    if (children.length > 0)
      await this.mediator.execute(
        new TellInstances(children.map((instanceId) => ({ instanceId, command }))),
      );
  }
}
