import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { InstanceRepository } from '../instance.repository.js';
import { JobRepository } from '../job.repository.js';
import type { Json } from '../definition/json.js';
import type { WorkflowCommand } from '../engine/commands.js';
import { MODULE_TASK } from '../modules/module-task.js';
import type { Instance } from '../runtime/instance.js';
import { InstanceMover } from '../runtime/instance-mover.js';
import type { Movement } from '../runtime/movement.js';

/** How a task ended, as its event tells. */
export interface JobEnd {
  readonly taskId: string;
  readonly kind: string;
  readonly status: 'succeeded' | 'failed' | 'cancelled';
  readonly result?: Json;
  readonly error?: { readonly code: string; readonly message: string; readonly reason: string };
}

/** Gives the ends of tasks to the tokens that wait for them, each once. Tasks of others are left alone. */
export class SettleJobs extends Command<void> {
  constructor(readonly ends: readonly JobEnd[]) {
    super();
  }
}

@Handles(SettleJobs)
export class SettleJobsHandler implements Handler<SettleJobs> {
  constructor(
    private readonly instances: InstanceRepository,
    private readonly jobs: JobRepository,
    private readonly mover: InstanceMover,
  ) {}

  async execute({ ends }: SettleJobs): Promise<void> {
    const jobs = await this.jobs.take(ends.map(({ taskId }) => taskId));
    if (jobs.length === 0) return;
    const found = await this.instances.lockMany([
      ...new Set(jobs.map(({ instanceId }) => instanceId)),
    ]);
    const movement = await this.mover.begin(found.values());
    const endOf = new Map(ends.map((end) => [end.taskId, end]));
    for (const { taskId, instanceId, ...work } of jobs) {
      const instance = found.get(instanceId);
      const end = endOf.get(taskId);
      // What an instance that has gone on cannot take is of no use to anybody.
      if (instance && end) movement.decide(instance, commandOf(movement, instance, work, end));
    }
    if (movement.changed.size > 0) await this.mover.settle(movement);
  }
}

function commandOf(
  movement: Movement,
  instance: Instance,
  work: { readonly token: number; readonly attempt: number },
  end: JobEnd,
): WorkflowCommand {
  if (end.status === 'cancelled')
    return { type: 'fail', ...work, code: 'task-cancelled', message: 'The task was cancelled.' };
  if (end.status === 'failed') {
    const { code = 'task-failed', message = 'The task has failed.', reason } = end.error ?? {};
    return { type: 'fail', ...work, code, message, retriable: reason !== 'rejected' };
  }
  const node = instance.state.tokens.get(work.token)?.node ?? '';
  const outcomes = movement.runnable(instance)?.definition.compiled.nodes.get(node)?.outcomes ?? [];
  const { result = null } = end;
  const outcome = memberOf(result, 'outcome');
  const known = typeof outcome === 'string' && outcomes.includes(outcome) ? { outcome } : {};
  if (end.kind !== MODULE_TASK) return { type: 'complete', ...work, ...known, result };
  if (typeof outcome === 'string' && !outcomes.includes(outcome)) {
    const message = `The module ended in "${outcome}", which is no outcome of ${node}`;
    return { type: 'fail', ...work, code: 'wrong-outcome', message, retriable: false };
  }
  return { type: 'complete', ...work, ...known, result: memberOf(result, 'result') ?? null };
}

const memberOf = (value: Json, name: string): Json | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value[name] : undefined;
