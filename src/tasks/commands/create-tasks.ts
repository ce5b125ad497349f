import { Inject } from '@nestjs/common';
import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type BatchHandler, Handles, type Outcome } from '../../kernel/cqrs/handles.js';
import { DomainError, outcomeOf, placeIn } from '../../kernel/domain/domain-error.js';
import { ENV, type Env } from '../../kernel/env.js';
import { Ids } from '../../kernel/ids.js';
import {
  continueTrace,
  currentContext,
  type TraceContext,
} from '../../kernel/observability/trace-context.js';
import { DEFAULT_BACKOFF } from '../domain/backoff.js';
import { Task } from '../domain/task.js';
import { IdempotencyKeyContended, TaskBacklogFull } from '../domain/task.errors.js';
import {
  DEFAULT_MAX_ATTEMPTS,
  DEFAULT_TIMEOUT_MS,
  type ReplyTo,
  type TaskSpec,
  type TaskState,
} from '../domain/task.state.js';
import { TaskRepository } from '../task.repository.js';
import { toView } from '../task.view.js';
import type { CreateTaskRequest, TaskView } from '../tasks.dto.js';
import { TaskBacklog } from '../worker/task-backlog.js';
import { TaskKinds } from '../worker/task-kinds.js';

/**
 * Creates tasks, all or none, and asks workers to run them. A request whose idempotency key the owner has used before
 * answers the task that has it. With `replyTo` its scope is told how each task ends, and nobody else is. Throws `UnknownTaskKind`, `UnknownTaskQueue`, `ValidationError`, `TaskBacklogFull`.
 */
export class CreateTasks extends Command<TaskView[]> {
  readonly context: TraceContext = currentContext() ?? continueTrace();
  constructor(
    readonly requests: readonly CreateTaskRequest[],
    readonly ownerId: string | null = null,
    readonly replyTo: ReplyTo | null = null,
  ) {
    super();
  }
}

@Handles(CreateTasks, { batch: 500 })
export class CreateTasksHandler implements BatchHandler<CreateTasks> {
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly clock: Clock,
    private readonly ids: Ids,
    private readonly kinds: TaskKinds,
    private readonly backlog: TaskBacklog,
    private readonly tasks: TaskRepository,
  ) {}

  async executeMany(commands: readonly CreateTasks[]): Promise<Outcome<TaskView[]>[]> {
    const planned = commands.map((command) => outcomeOf(() => this.#plan(command)));
    const tasks = planned.flatMap((plan) => (plan instanceof DomainError ? [] : plan));
    const inserted = await this.tasks.insertMany(tasks);
    const existing = await this.#existing(tasks.filter((task) => !inserted.has(task.state.id)));
    return planned.map((plan) =>
      plan instanceof DomainError
        ? plan
        : plan.map(({ state }) => {
            if (inserted.has(state.id)) return toView(state);
            const holder = existing.get(holderOf(state));
            // The task that held the key was purged a moment ago: nothing of this batch may stand.
            if (!holder) throw new IdempotencyKeyContended(state.idempotencyKey ?? '');
            return toView(holder.state);
          }),
    );
  }

  #plan(command: CreateTasks): Task[] {
    if (this.backlog.isFull) throw new TaskBacklogFull(this.env.TASKS_MAX_BACKLOG);
    const now = this.clock.now();
    return command.requests.map((request, index) =>
      Task.create(
        this.#specOf(request, command, placeIn(command.requests, index)),
        this.ids.next(),
        now,
      ),
    );
  }

  #specOf(request: CreateTaskRequest, command: CreateTasks, place: string): TaskSpec {
    const { context, ownerId, replyTo } = command;
    const kind = this.kinds.check(request, { place, byModule: replyTo !== null });
    return {
      kind: request.kind,
      queue: request.queue,
      external: kind.runner === undefined,
      payload: request.payload,
      priority: request.priority,
      runAt: request.run_at === undefined ? undefined : new Date(request.run_at),
      maxAttempts: request.max_attempts ?? kind.maxAttempts ?? DEFAULT_MAX_ATTEMPTS,
      timeoutMs: request.timeout_ms ?? kind.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      backoff: request.backoff ?? DEFAULT_BACKOFF,
      idempotencyKey: request.idempotency_key,
      correlationId: context.correlationId,
      traceparent: context.traceparent,
      ownerId,
      replyTo,
    };
  }

  async #existing(left: readonly Task[]): Promise<Map<string, Task>> {
    if (left.length === 0) return new Map();
    const found = await this.tasks.loadHolders(left.map((task) => task.state));
    return new Map(found.map((task) => [holderOf(task.state), task]));
  }
}

/** Keys of two owners are different keys. */
function holderOf({ ownerId, idempotencyKey }: TaskState): string {
  return `${ownerId ?? ''} ${idempotencyKey ?? ''}`;
}
