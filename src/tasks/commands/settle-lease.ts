import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type BatchHandler, Handles, type Outcome } from '../../kernel/cqrs/handles.js';
import { TaskLeaseLost, TaskNotFound } from '../domain/task.errors.js';
import type { Task } from '../domain/task.js';
import type { AttemptResult } from '../domain/task.state.js';
import { type LeaseClaim, LeaseRepository } from '../lease.repository.js';
import { TaskRepository } from '../task.repository.js';
import { toView } from '../task.view.js';
import type { TaskView } from '../tasks.dto.js';

/**
 * Records how a leased attempt ended (`handed-back`: nobody worked on it, and it is not counted). The token is
 * good for one settlement. Throws `TaskNotFound`, `TaskLeaseLost`.
 */
export class SettleLease extends Command<TaskView> {
  constructor(
    readonly claim: LeaseClaim,
    readonly result: AttemptResult | { readonly kind: 'handed-back' },
  ) {
    super();
  }
}

@Handles(SettleLease, { batch: 500 })
export class SettleLeaseHandler implements BatchHandler<SettleLease> {
  constructor(
    private readonly clock: Clock,
    private readonly leases: LeaseRepository,
    private readonly tasks: TaskRepository,
  ) {}

  async executeMany(commands: readonly SettleLease[]): Promise<Outcome<TaskView>[]> {
    const held = await this.leases.loadHeld(commands.map(({ claim }) => claim));
    const settled = commands.map((command) => this.#settle(command, held));
    const refused = commands.filter((_, index) => !settled[index]);
    const known = await this.leases.existing(refused.map(({ claim }) => claim.taskId));
    await this.tasks.saveMany(settled.filter((task) => task !== undefined));
    return commands.map(({ claim: { taskId } }, index) => {
      const task = settled[index];
      if (task) return toView(task.state);
      return known.has(taskId) ? new TaskLeaseLost(taskId) : new TaskNotFound(taskId);
    });
  }

  #settle({ claim: { taskId, token }, result }: SettleLease, held: Map<string, Task>) {
    const task = held.get(token);
    if (task?.state.id !== taskId) return undefined;
    held.delete(token); // of two settlements in one batch the first counts
    if (result.kind === 'handed-back') task.handBack(this.clock.now());
    else task.settle(result, this.clock.now(), Math.random());
    return task;
  }
}
