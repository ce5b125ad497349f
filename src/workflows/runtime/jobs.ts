import { Injectable } from '@nestjs/common';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { DomainError } from '../../kernel/domain/domain-error.js';
import { runWithContext } from '../../kernel/observability/trace-context.js';
import { CancelTask, CreateTasks } from '../../tasks/index.js';
import type { Json } from '../definition/json.js';
import { type Job, JobRepository } from '../job.repository.js';
import { MODULE_TASK } from '../modules/module-task.js';
import { taskKindOf } from '../modules/task-modules.js';
import { drain, type Wanted } from './gathered.js';
import type { WorkRef } from './instance.js';
import type { Movement } from './movement.js';

type JobWanted = Wanted<'create_job'>;

const nameOf = ({ instanceId, token, attempt }: WorkRef): string =>
  `${instanceId}/${String(token)}/${String(attempt)}`;

/** Work outside of the engine, as tasks: they are created with the decision that asks for them, or not at all. */
@Injectable()
export class Jobs {
  /** Of movements under way: tasks created in them, by token. */
  readonly #created = new WeakMap<Movement, Map<string, Job>>();

  constructor(
    private readonly mediator: Mediator,
    private readonly jobs: JobRepository,
  ) {}

  /** A task that cannot be created fails the job, which may be caught, or is an incident. Throws what passes. */
  async create(movement: Movement): Promise<void> {
    const wanted = drain(movement.gathered.jobs);
    if (wanted.length === 0) return;
    const created = this.#created.get(movement) ?? new Map<string, Job>();
    this.#created.set(movement, created);
    const outcomes = await this.mediator.executeMany(
      wanted.map((job) => runWithContext(job.instance, () => commandFor(movement, job))),
    );
    wanted.forEach(({ instance, effect: { token, attempt } }, index) => {
      const outcome = outcomes[index];
      if (outcome instanceof DomainError) {
        if (outcome.passes) throw outcome;
        const { code, message } = outcome;
        movement.decide(instance, {
          type: 'fail',
          token,
          attempt,
          code,
          message,
          retriable: false,
        });
        return;
      }
      const [task] = outcome ?? [];
      const ref = { instanceId: instance.id, token, attempt };
      if (task) created.set(nameOf(ref), { ...ref, taskId: task.id });
    });
  }

  /** Remembers whose the new tasks are, and cancels those that nobody waits for any more. */
  async settle(movement: Movement): Promise<void> {
    const created = this.#created.get(movement) ?? new Map<string, Job>();
    const gone: string[] = [];
    const before: WorkRef[] = [];
    for (const ref of movement.gathered.cancelledJobs.splice(0)) {
      const own = created.get(nameOf(ref));
      if (own) gone.push(own.taskId);
      else before.push(ref);
      created.delete(nameOf(ref));
    }
    if (before.length > 0)
      for (const { taskId } of await this.jobs.withdraw(before)) gone.push(taskId);
    // One that has ended meanwhile, or was deleted, needs no more.
    if (gone.length > 0) await this.mediator.executeMany(gone.map((id) => new CancelTask(id)));
    if (created.size > 0) this.jobs.insertMany([...created.values()]);
  }
}

function commandFor(movement: Movement, { instance, effect }: JobWanted): CreateTasks {
  const { kind, input, node, token } = effect;
  const draft = movement.runnable(instance)?.definition.compiled.nodes.get(node)?.draft;
  // Where the node says how to try again, the engine does it; else the tasks module, as its kind says.
  const once = draft?.retry && { max_attempts: 1 };
  const taskKind = taskKindOf(kind);
  const payload: Json = taskKind
    ? input
    : {
        module: kind,
        config: input,
        instance_id: instance.id,
        workflow: instance.key,
        node,
        idempotency_key: `workflow/${instance.id}/${node}/${String(token)}`,
      };
  const request = {
    kind: taskKind ?? MODULE_TASK,
    queue: 'default',
    priority: 0,
    payload,
    ...once,
  };
  return new CreateTasks([request]);
}
