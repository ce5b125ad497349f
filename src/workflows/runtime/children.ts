import { Injectable } from '@nestjs/common';
import { Ids } from '../../kernel/ids.js';
import { DefinitionRepository } from '../definition.repository.js';
import { isJsonObject } from '../definition/json.js';
import { newInstance } from '../engine/state.js';
import { drain, type Wanted } from './gathered.js';
import type { Instance } from './instance.js';
import { instanceEvent } from './messages.js';
import type { Movement } from './movement.js';

type Call = Wanted<'start_child'>;

/** Starts the instances that others call, generation by generation: none of them nests in the start of another. */
@Injectable()
export class Children {
  constructor(
    private readonly ids: Ids,
    private readonly definitions: DefinitionRepository,
  ) {}

  async start(movement: Movement): Promise<void> {
    const calls = drain(movement.gathered.children);
    if (calls.length === 0) return;
    const wanted = calls.map(({ effect }) => effect.workflow);
    const { versions, runnables } = await this.definitions.resolve(wanted);
    movement.know(runnables);
    for (const call of calls) {
      const problem = this.#startOne(movement, call, versions.get(call.effect.workflow));
      if (problem !== undefined) refuse(movement, call, problem);
    }
  }

  /** Answers why it could not. */
  #startOne(
    movement: Movement,
    { instance: parent, effect }: Call,
    ref: { key: string; version: number; configRevision: number } | undefined,
  ): string | undefined {
    if (!ref || !movement.runnable(ref)) return `There is no published workflow ${effect.workflow}`;
    const problem = movement.offspring.problem(parent);
    if (problem !== undefined) return problem;
    const child = this.childOf(movement, parent, effect, ref);
    const variables = isJsonObject(effect.input) ? effect.input : {};
    const rejection = movement.decide(child, { type: 'start', variables });
    if (!rejection) movement.gathered.messages.push(instanceEvent('instance-started', child));
    return rejection?.message;
  }

  /** A new instance, one deeper. */
  childOf(
    movement: Movement,
    parent: Instance,
    { token, attempt }: Pick<Call['effect'], 'token' | 'attempt'>,
    ref: { key: string; version: number; configRevision: number },
  ): Instance {
    const child: Instance = {
      ...parent,
      ...ref,
      id: this.ids.next(),
      startKey: null,
      parent: { instanceId: parent.id, token, attempt },
      depth: parent.depth + 1,
      startedAt: movement.now,
      isNew: true,
      state: newInstance(),
      jobs: new Map(),
      seq: 0,
      incidents: 0,
      outcome: null,
      error: null,
      endedAt: null,
    };
    movement.offspring.add(parent, child);
    return child;
  }
}

function refuse(movement: Movement, { instance, effect }: Call, message: string): void {
  movement.decide(instance, {
    type: 'child_ended',
    token: effect.token,
    attempt: effect.attempt,
    status: 'failed',
    error: { code: 'child-not-started', message },
  });
}
