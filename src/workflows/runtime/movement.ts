import type { DefinitionRef, Runnable, Runnables } from '../definition.repository.js';
import type { WorkflowCommand, Rejection } from '../engine/commands.js';
import { type Accepted, advance } from '../engine/decide.js';
import type { WorkflowEvent } from '../engine/events.js';
import { migrate, type MigrateCommand, type MigrationProblem } from '../engine/migrate.js';
import type { DecisionContext } from '../engine/run.js';
import { Gathered } from './gathered.js';
import { type Instance, namesOf } from './instance.js';
import { Offspring } from './offspring.js';
import { type SearchChanges, SearchValues } from './search-values.js';
import { Tally } from './tally.js';

/** One decision, as the history keeps it. */
export interface Decided {
  readonly instanceId: string;
  readonly seq: number;
  readonly at: Date;
  readonly command: WorkflowCommand | MigrateCommand;
  readonly events: readonly WorkflowEvent[];
}

/** What instances do within one transaction: decisions are made in memory and written together at its end. */
export class Movement {
  readonly instances = new Map<string, Instance>();
  readonly changed = new Set<Instance>();
  readonly decided: Decided[] = [];
  readonly gathered = new Gathered();
  readonly tally = new Tally();
  readonly offspring = new Offspring();
  readonly #searched = new SearchValues();
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
    const runnable = this.#runnableOf(instance);
    const { compiled, indexes } = runnable.definition;
    this.tally.touch(instance);
    if (indexes.length > 0) this.#searched.touch(instance, indexes);
    const context = this.#contextOf(instance, runnable);
    const decision = advance(compiled, instance.state, command, context);
    if ('rejection' in decision) return decision.rejection;
    this.#keep(instance, command, decision);
    return undefined;
  }

  /** Takes an instance to another version, unless it is only asked for the problems. Those have changed nothing. */
  migrate(
    instance: Instance,
    to: Runnable,
    { nodes, isDry }: { nodes: Readonly<Record<string, string>>; isDry: boolean },
  ): readonly MigrationProblem[] {
    const { compiled: from, indexes } = this.#runnableOf(instance).definition;
    const { version, compiled } = to.definition;
    const context = this.#contextOf({ ...instance, version }, to);
    const answer = migrate({ from, to: compiled, nodes }, instance.state, context);
    if ('problems' in answer) return answer.problems;
    if (isDry) return [];
    this.tally.touch(instance);
    this.#searched.touch(instance, indexes);
    instance.version = version;
    instance.state = answer.state;
    this.#keep(instance, { type: 'migrate', version, nodes }, answer);
    return [];
  }

  /** What instances are searched by, where that has changed. */
  searchChanges(): SearchChanges {
    return this.#searched.changes((instance) => this.#runnableOf(instance).definition.indexes);
  }

  #runnableOf(instance: Instance): Runnable {
    const runnable = this.runnable(instance);
    if (!runnable) throw new Error(`${instance.key}@${String(instance.version)} is not loaded`);
    return runnable;
  }

  #contextOf(instance: Instance, { config, pause }: Runnable): DecisionContext {
    return { now: this.now, config, pause, instance: namesOf(instance) };
  }

  #keep(instance: Instance, command: Decided['command'], { events, effects }: Accepted): void {
    instance.seq += 1;
    instance.updatedAt = this.now;
    if (instance.state.status !== 'running') instance.endedAt = this.now;
    this.instances.set(instance.id, instance);
    this.changed.add(instance);
    const { id: instanceId, seq } = instance;
    this.tally.complete(instance, events);
    this.decided.push({ instanceId, seq, at: this.now, command, events });
    for (const effect of effects) this.gathered.add(instance, effect);
  }
}
