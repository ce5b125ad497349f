import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { InstanceRepository } from '../instance.repository.js';
import { type Json, memberOf } from '../definition/json.js';
import type { WorkflowCommand } from '../engine/commands.js';
import { MODULE_TASK } from '../modules/module-task.js';
import { type Instance, jobName, type WorkRef } from '../runtime/instance.js';
import { InstanceMover } from '../runtime/instance-mover.js';
import type { Movement } from '../runtime/movement.js';

/** How the task ended that a token waits for. */
export interface JobEnd extends WorkRef {
  readonly kind: string;
  readonly status: 'succeeded' | 'failed' | 'cancelled';
  readonly result?: Json;
  readonly error?: { readonly code: string; readonly message: string; readonly reason: string };
}

/** Gives the ends of tasks to the tokens that wait for them. One that comes again finds nobody who waits for it. */
export class SettleJobs extends Command<void> {
  constructor(readonly ends: readonly JobEnd[]) {
    super();
  }
}

@Handles(SettleJobs)
export class SettleJobsHandler implements Handler<SettleJobs> {
  constructor(
    private readonly instances: InstanceRepository,
    private readonly mover: InstanceMover,
  ) {}

  async execute({ ends }: SettleJobs): Promise<void> {
    const ids = new Set(ends.map(({ instanceId }) => instanceId));
    const found = await this.instances.lockMany([...ids]);
    const movement = await this.mover.begin(found.values());
    for (const end of ends) {
      const instance = found.get(end.instanceId);
      // What an instance that has gone on cannot take is of no use to anybody.
      if (instance && !movement.decide(instance, commandOf(movement, instance, end)))
        instance.jobs.delete(jobName(end));
    }
    if (movement.changed.size > 0) await this.mover.settle(movement);
  }
}

type Work = Pick<WorkRef, 'token' | 'attempt'>;

function commandOf(movement: Movement, instance: Instance, end: JobEnd): WorkflowCommand {
  const { token, attempt } = end;
  if (end.status !== 'succeeded') return failure({ token, attempt }, end);
  const node = instance.state.tokens.get(token)?.node ?? '';
  const outcomes = movement.runnable(instance)?.definition.compiled.nodes.get(node)?.outcomes;
  return completion({ token, attempt }, outcomes ?? [], end);
}

function failure(work: Work, { status, error }: JobEnd): WorkflowCommand {
  const { code = `task-${status}`, message = `The task is ${status}.`, reason } = error ?? {};
  return { type: 'fail', ...work, code, message, retriable: reason !== 'rejected' };
}

/** A result may name the outcome; that of a module must be one of the node's. */
function completion(
  work: Work,
  outcomes: readonly string[],
  { kind, result = null }: JobEnd,
): WorkflowCommand {
  const isModule = kind === MODULE_TASK;
  const outcome = memberOf(result, 'outcome');
  const isNamed = typeof outcome === 'string';
  const isKnown = isNamed && outcomes.includes(outcome);
  if (isModule && isNamed && !isKnown) {
    const message = `The module ended in "${outcome}", which is none of ${outcomes.join(', ')}`;
    return { type: 'fail', ...work, code: 'wrong-outcome', message, retriable: false };
  }
  return {
    type: 'complete',
    ...work,
    ...(isKnown && { outcome }),
    result: isModule ? (memberOf(result, 'result') ?? null) : result,
  };
}
