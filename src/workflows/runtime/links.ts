import { Injectable } from '@nestjs/common';
import { ValidationError } from '../../kernel/http/validation.js';
import { ExpressionError, type Lookup } from '../definition/expression.js';
import type { JsonObject } from '../definition/json.js';
import {
  type CompiledLink,
  type DefinitionRef,
  DefinitionRepository,
} from '../definition.repository.js';
import { ROOT } from '../engine/state.js';
import { type LinkFailure, LinkRepository } from '../link.repository.js';
import { Children } from './children.js';
import type { Wanted } from './gathered.js';
import { type Instance, namesOf } from './instance.js';
import { instanceEvent } from './messages.js';
import type { Movement } from './movement.js';

interface Followed extends Wanted<'end_instance'> {
  readonly link: CompiledLink;
}

/**
 * Starts what links ask for behind instances that have completed, in the transaction of their end: once, or not at all.
 * What cannot be started is told at the link; the instance has ended all the same.
 */
@Injectable()
export class Links {
  constructor(
    private readonly children: Children,
    private readonly definitions: DefinitionRepository,
    private readonly links: LinkRepository,
  ) {}

  async follow(movement: Movement): Promise<void> {
    const ended = movement.gathered.ended.splice(0);
    const followed = ended.flatMap((one) => followedBy(movement, one));
    if (followed.length === 0) return;
    const { versions, runnables } = await this.definitions.resolve(
      followed.map(({ link }) => link.to),
    );
    movement.know(runnables);
    const failures = followed.flatMap((one): LinkFailure[] => {
      const { instance, link } = one;
      const message = this.#problem(movement, one, versions.get(link.to));
      return message === undefined ? [] : [{ id: link.id, instanceId: instance.id, message }];
    });
    if (failures.length > 0) await this.links.saveFailures(failures, movement.now);
  }

  /** Starts it, or answers why it cannot be. */
  #problem(
    movement: Movement,
    followed: Followed,
    ref: DefinitionRef | undefined,
  ): string | undefined {
    const { instance, link } = followed;
    const runnable = ref && movement.runnable(ref);
    if (!runnable) return `There is no published workflow ${link.to}`;
    const problem = movement.offspring.problem(instance);
    if (problem !== undefined) return problem;
    try {
      const variables = mapped(movement, followed);
      runnable.definition.checkInputs(variables, '');
      const started = this.#behind(movement, instance, link, ref);
      const rejection = movement.decide(started, { type: 'start', variables });
      if (!rejection) movement.gathered.messages.push(instanceEvent('instance-started', started));
      return rejection?.message;
    } catch (error) {
      if (error instanceof ExpressionError || error instanceof ValidationError)
        return error.message;
      throw error;
    }
  }

  #behind(movement: Movement, ended: Instance, link: CompiledLink, ref: DefinitionRef): Instance {
    const child = this.children.childOf(movement, ended, { token: ROOT, attempt: 1 }, ref);
    // Nobody waits for it; its start key tells where it comes from.
    return { ...child, parent: null, startKey: `link/${link.id}/${ended.id}` };
  }
}

function followedBy(movement: Movement, { instance, effect }: Wanted<'end_instance'>): Followed[] {
  const links = movement.runnable(instance)?.links ?? [];
  return links
    .filter(({ end }) => end === null || end === effect.outcome)
    .map((link) => ({ instance, effect, link }));
}

/** Throws ExpressionError. */
function mapped(movement: Movement, { instance, effect, link }: Followed): JsonObject {
  const { variables, outcome } = effect;
  const own = { outcome, config: movement.runnable(instance)?.config, instance: namesOf(instance) };
  const names: Lookup = (name) => {
    if (Object.hasOwn(own, name)) return own[name as keyof typeof own];
    return Object.hasOwn(variables, name) ? variables[name] : undefined;
  };
  return link.map(names) as JsonObject;
}
