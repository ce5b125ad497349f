import { Injectable } from '@nestjs/common';
import { Metrics } from '../../kernel/observability/metrics.js';
import { TaskCounts } from '../queries/task-counts.js';

@Injectable()
export class TaskMetrics {
  readonly finished;
  readonly leaked;
  readonly runSeconds;

  constructor(
    private readonly metrics: Metrics,
    counts: TaskCounts,
  ) {
    this.finished = metrics.counter('task_attempts_total', 'Attempts ended in this process.', [
      'kind',
      'outcome',
    ]);
    this.leaked = metrics.counter(
      'task_handlers_leaked_total',
      'Handlers that ignored their abort signal.',
      ['kind'],
    );
    this.runSeconds = metrics.histogram(
      'task_run_seconds',
      'From start to recorded end of an attempt.',
      ['kind'],
    );
    metrics.gauge('task_waiting_tasks', 'Tasks in status new, in all processes.', () =>
      counts.total('new'),
    );
  }

  watchRunning(running: () => number): void {
    this.metrics.gauge('task_running_tasks', 'Tasks that run in this process.', running);
  }
}
