import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { InstanceRepository } from '../instance.repository.js';
import { NewsRepository } from '../news.repository.js';
import type { Slot } from '../runtime/gathered.js';
import { InstanceMover } from '../runtime/instance-mover.js';

/** Looks for what came while tokens began to wait for it and its name was locked. */
export class ListenAgain extends Command<void> {
  constructor(readonly slots: readonly Slot[]) {
    super();
  }
}

@Handles(ListenAgain)
export class ListenAgainHandler implements Handler<ListenAgain> {
  constructor(
    private readonly instances: InstanceRepository,
    private readonly news: NewsRepository,
    private readonly mover: InstanceMover,
  ) {}

  async execute({ slots }: ListenAgain): Promise<void> {
    // Waits for whoever holds the names, so that what he has brought is seen.
    await this.news.lock(await this.news.namesOf(slots));
    const found = await this.instances.lockMany([
      ...new Set(slots.map(({ instanceId }) => instanceId)),
    ]);
    const movement = await this.mover.begin(found.values());
    for (const { instanceId, token, slot } of slots) {
      const instance = found.get(instanceId);
      const subscription = instance?.state.tokens.get(token)?.subscriptions?.[slot];
      if (!instance || !subscription) continue;
      const effect = { ...subscription, type: 'subscribe', token, slot, remembered: true } as const;
      movement.gathered.unheard.push({ instance, effect });
    }
    await this.mover.settle(movement);
  }
}
