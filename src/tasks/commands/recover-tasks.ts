import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { type AttemptResult, TIMED_OUT } from '../domain/task.state.js';
import { TaskRepository } from '../task.repository.js';

const CRASHED: AttemptResult = {
  kind: 'failure',
  nature: 'crash',
  code: 'worker-lost',
  message: 'The worker died or fell silent during this attempt.',
};

/**
 * Takes tasks away from workers whose lease has ended and has them run again, at most `limit` at once; a task
 * under which three processes died fails as poison. An external task past its timeout has failed an attempt.
 * Answers how many.
 */
export class RecoverTasks extends Command<number> {
  constructor(readonly limit: number) {
    super();
  }
}

@Handles(RecoverTasks)
export class RecoverTasksHandler implements Handler<RecoverTasks> {
  constructor(
    private readonly clock: Clock,
    private readonly tasks: TaskRepository,
  ) {}

  async execute({ limit }: RecoverTasks): Promise<number> {
    const abandoned = await this.tasks.loadAbandoned(limit);
    const now = this.clock.now();
    for (const { task, timedOut } of abandoned) {
      task.settle(timedOut ? TIMED_OUT : CRASHED, now, Math.random());
    }
    if (abandoned.length > 0) await this.tasks.saveMany(abandoned.map(({ task }) => task));
    return abandoned.length;
  }
}
