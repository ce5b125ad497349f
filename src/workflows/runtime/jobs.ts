import { Injectable } from '@nestjs/common';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { DomainError } from '../../kernel/domain/domain-error.js';
import { runWithContext } from '../../kernel/observability/trace-context.js';
import { CancelTask, CreateTasks } from '../../tasks/index.js';
import type { Json } from '../definition/json.js';
import { MODULE_TASK } from '../modules/module-task.js';
import { taskKindOf } from '../modules/task-modules.js';
import { drain, type Wanted } from './gathered.js';
import { jobName } from './instance.js';
import { WORKFLOWS } from './messages.js';
import type { Movement } from './movement.js';

/** The route on which the ends of tasks come back. */
export const JOBS_ENDED = 'jobs/ended';

type JobWanted = Wanted<'create_job'>;

/** Work outside of the engine, as tasks: they are created with the decision that asks for them, or not at all. */
@Injectable()
export class Jobs {
  constructor(private readonly mediator: Mediator) {}

  /** A task that cannot be created fails the job, which may be caught, or is an incident. Throws what passes. */
  async create(movement: Movement): Promise<void> {
    const wanted = drain(movement.gathered.jobs);
    if (wanted.length === 0) return;
    const outcomes = await this.mediator.executeMany(
      wanted.map((job) => runWithContext(job.instance, () => commandFor(movement, job))),
    );
    wanted.forEach(({ instance, effect }, index) => {
      const outcome = outcomes[index];
      if (outcome instanceof DomainError) {
        if (outcome.passes) throw outcome;
        const { token, attempt } = effect;
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
      if (task) instance.jobs.set(jobName(effect), task.id);
    });
  }

  /** Cancels the tasks that nobody waits for any more. */
  async settle({ gathered, instances }: Movement): Promise<void> {
    const gone: string[] = [];
    for (const ref of gathered.cancelledJobs.splice(0)) {
      const jobs = instances.get(ref.instanceId)?.jobs;
      const task = jobs?.get(jobName(ref));
      if (task !== undefined) gone.push(task);
      jobs?.delete(jobName(ref));
    }
    // One that has ended meanwhile, or was deleted, needs no more.
    if (gone.length > 0) await this.mediator.executeMany(gone.map((id) => new CancelTask(id)));
  }
}

function commandFor(movement: Movement, { instance, effect }: JobWanted): CreateTasks {
  const { kind, input, node, token, attempt } = effect;
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
  const mark = { instance_id: instance.id, token, attempt };
  return new CreateTasks([request], null, { queue: WORKFLOWS, route: JOBS_ENDED, mark });
}
