import { Command } from '@nestjs/cqrs';
import { type BatchHandler, Handles, type Outcome } from '../../kernel/cqrs/handles.js';
import { DomainError } from '../../kernel/domain/domain-error.js';
import { CommandRejected, InstanceNotFound, TimerIsStale } from '../domain/workflow.errors.js';
import type { WorkflowCommand } from '../engine/commands.js';
import { InstanceRepository } from '../instance.repository.js';
import { type Instance, toView } from '../runtime/instance.js';
import { InstanceMover } from '../runtime/instance-mover.js';
import type { Movement } from '../runtime/movement.js';
import type { InstanceView } from '../workflow-instances.dto.js';

/** One thing that is said to one instance. */
export interface Telling {
  readonly instanceId: string;
  readonly command: WorkflowCommand;
  /** Of a timer: only if it is still set for this instant. */
  readonly timerAt?: number;
}

/**
 * Tells instances things, those of one instance in their order. What an instance cannot take fails alone: the answer
 * has an instance or an error (`InstanceNotFound`, `CommandRejected`, `TimerIsStale`) for each.
 */
export class TellInstances extends Command<readonly Outcome<InstanceView>[]> {
  constructor(readonly tellings: readonly Telling[]) {
    super();
  }
}

/** Of an instance that alone was told one thing. Throws the error that it has answered with. */
export function answerOf([told]: readonly Outcome<InstanceView>[]): InstanceView {
  if (!told) throw new Error('Nothing was answered to a command');
  if (told instanceof DomainError) throw told;
  return told;
}

@Handles(TellInstances, { batch: 500 })
export class TellInstancesHandler implements BatchHandler<TellInstances> {
  constructor(
    private readonly instances: InstanceRepository,
    private readonly mover: InstanceMover,
  ) {}

  async executeMany(
    commands: readonly TellInstances[],
  ): Promise<(readonly Outcome<InstanceView>[])[]> {
    const all = commands.flatMap(({ tellings }) => tellings);
    const found = await this.instances.lockMany([
      ...new Set(all.map(({ instanceId }) => instanceId)),
    ]);
    const movement = await this.mover.begin(found.values());
    const told = commands.map(({ tellings }) =>
      tellings.map((telling) => tell(movement, found.get(telling.instanceId), telling)),
    );
    if (movement.changed.size > 0) await this.mover.settle(movement);
    return told.map((some) => some.map((one) => (one instanceof DomainError ? one : toView(one))));
  }
}

function tell(
  movement: Movement,
  instance: Instance | undefined,
  { instanceId, command, timerAt }: Telling,
): Instance | DomainError {
  if (!instance) return new InstanceNotFound(instanceId);
  if (command.type === 'fire_timer' && timerAt !== undefined) {
    const set = instance.state.tokens.get(command.token)?.timers?.[command.timer];
    if (set !== timerAt) return new TimerIsStale();
  }
  const rejection = movement.decide(instance, command);
  return rejection ? new CommandRejected(rejection) : instance;
}
