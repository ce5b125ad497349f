import { Inject } from '@nestjs/common';
import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { ENV, type Env } from '../../kernel/env.js';
import { Outbox } from '../../kernel/outbox/outbox.js';
import { taskEvent } from '../domain/task.events.js';
import { type LeasedTask, LeaseRepository } from '../lease.repository.js';
import { taskEventMessage } from '../task.messages.js';

export interface LeaseRequest {
  readonly kinds: readonly string[];
  readonly max: number;
  readonly leaseMs: number;
}

/** Hands due external tasks out, highest priority first, each with a token of its own. Answers at once. */
export class LeaseTasks extends Command<LeasedTask[]> {
  constructor(readonly request: LeaseRequest) {
    super();
  }
}

@Handles(LeaseTasks)
export class LeaseTasksHandler implements Handler<LeaseTasks> {
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly leases: LeaseRepository,
    private readonly outbox: Outbox,
  ) {}

  async execute({ request: { kinds, max, leaseMs } }: LeaseTasks): Promise<LeasedTask[]> {
    const leased = await this.leases.leaseMany(kinds, max, leaseMs);
    if (this.env.TASKS_EVENTS.includes('started')) {
      await this.outbox.append(
        leased.map(({ task: { state } }) => taskEventMessage(taskEvent('started', state), state)),
      );
    }
    return leased;
  }
}
