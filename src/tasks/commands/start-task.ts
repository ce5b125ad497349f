import { Inject } from '@nestjs/common';
import { Command } from '@nestjs/cqrs';
import { type BatchHandler, Handles } from '../../kernel/cqrs/handles.js';
import { ENV, type Env } from '../../kernel/env.js';
import { Outbox } from '../../kernel/outbox/outbox.js';
import type { Task } from '../domain/task.js';
import { taskEvent } from '../domain/task.events.js';
import { taskEventMessage } from '../task.messages.js';
import { TaskRepository } from '../task.repository.js';

/**
 * Starts a task for a worker if it may start now, and answers it; undefined when somebody else has it, it is
 * finished, or it is not due. Repeating it is harmless.
 */
export class StartTask extends Command<Task | undefined> {
  constructor(
    readonly taskId: string,
    readonly workerId: string,
  ) {
    super();
  }
}

@Handles(StartTask, { batch: 500 })
export class StartTaskHandler implements BatchHandler<StartTask> {
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly tasks: TaskRepository,
    private readonly outbox: Outbox,
  ) {}

  async executeMany(commands: readonly StartTask[]): Promise<(Task | undefined)[]> {
    const claims = commands.map(({ taskId, workerId }) => ({ id: taskId, owner: workerId }));
    const claimed = await this.tasks.claimMany(claims);
    if (this.env.TASKS_EVENTS.includes('started')) {
      await this.outbox.append(
        claimed.map(({ state }) => taskEventMessage(taskEvent('started', state), state)),
      );
    }
    const byId = new Map(claimed.map((task) => [task.state.id, task]));
    return commands.map(({ taskId }) => {
      const task = byId.get(taskId);
      // Two messages for one task in one batch: the first caller runs it.
      byId.delete(taskId);
      return task;
    });
  }
}
