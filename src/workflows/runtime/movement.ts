import type { DefinitionRef, Runnable, Runnables } from '../definition.repository.js';
import type { WorkflowCommand, Rejection } from '../engine/commands.js';
import { advance } from '../engine/decide.js';
import type { WorkflowEvent } from '../engine/events.js';
import { Gathered } from './gathered.js';
import { type Instance, namesOf } from './instance.js';

/** One decision, as the history keeps it. */
export interface Decided {
  readonly instanceId: string;
  readonly seq: number;
  readonly at: Date;
  readonly command: WorkflowCommand;
  readonly events: readonly WorkflowEvent[];
}

/** What instances do within one transaction: decisions are made in memory and written together at its end. */
export class Movement {
  readonly instances = new Map<string, Instance>();
  readonly changed = new Set<Instance>();
  readonly decided: Decided[] = [];
  readonly gathered = new Gathered();
  readonly #runnables: Runnables[] = [];

  constructor(readonly now: Date) {}

  know(runnables: Runnables): void {
    this.#runnables.push(runnables);
  }

  runnable({ key, version }: Pick<DefinitionRef, 'key' | 'version'>): Runnable | undefined {
    for (const runnables of this.#runnables) {
      const found = runnables.get(key, version);
      if (found) return found;
    }
    return undefined;
  }

  /** Tells an instance one thing. A rejection has changed nothing. Throws only for what is a mistake of the engine. */
  decide(instance: Instance, command: WorkflowCommand): Rejection | undefined {
    const runnable = this.runnable(instance);
    if (!runnable) throw new Error(`${instance.key}@${String(instance.version)} is not loaded`);
    const { definition, config } = runnable;
    const decision = advance(definition.compiled, instance.state, command, {
      now: this.now,
      config,
      instance: namesOf(instance),
    });
    if ('rejection' in decision) return decision.rejection;
    instance.seq += 1;
    instance.updatedAt = this.now;
    if (instance.state.status !== 'running') instance.endedAt = this.now;
    this.instances.set(instance.id, instance);
    this.changed.add(instance);
    const { id: instanceId, seq } = instance;
    this.decided.push({ instanceId, seq, at: this.now, command, events: decision.events });
    for (const effect of decision.effects) this.gathered.add(instance, effect);
    return undefined;
  }
}
