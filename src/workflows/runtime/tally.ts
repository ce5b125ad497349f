import type { WorkflowEvent } from '../engine/events.js';
import { ROOT } from '../engine/state.js';
import type { Instance } from './instance.js';

/** What has changed at one node of a version; the node without a name stands for the instances themselves. */
export interface HeatDelta {
  readonly key: string;
  readonly version: number;
  readonly node: string;
  /** Tokens there; of the instances, those that run. */
  tokens: number;
  incidents: number;
  /** Times that it was done; of the instances, those that have ended. */
  completed: number;
}

/** What the instances of one movement add to the heat of their workflows: one row for a node, however many they are. */
export class Tally {
  readonly #versions = new Map<string, Map<string, HeatDelta>>();
  readonly #touched = new Set<Instance>();

  /** Before its first decision: what it was is taken away, and what it has become is added at the end. */
  touch(instance: Instance): void {
    if (this.#touched.has(instance)) return;
    this.#touched.add(instance);
    this.#count(instance, -1);
  }

  complete(instance: Instance, events: readonly WorkflowEvent[]): void {
    const at = this.#nodes(instance);
    for (const event of events) {
      if (event.type === 'node_completed' && !event.whole) at(event.node).completed += 1;
      else if (event.type === 'ended') at('').completed += 1;
    }
  }

  /** Ends the tally. */
  deltas(): HeatDelta[] {
    for (const instance of this.#touched) this.#count(instance, 1);
    this.#touched.clear();
    const all = [...this.#versions.values()].flatMap((nodes) => [...nodes.values()]);
    this.#versions.clear();
    return all.filter((one) => one.tokens !== 0 || one.incidents !== 0 || one.completed !== 0);
  }

  #count(instance: Instance, sign: 1 | -1): void {
    const at = this.#nodes(instance);
    const { status, tokens } = instance.state;
    if (status === 'running') at('').tokens += sign;
    for (const { id, node, wait, incident } of tokens.values()) {
      if (incident) at(node).incidents += sign;
      // One that is done many times is counted by those inside.
      if (id !== ROOT && wait?.for !== 'each') at(node).tokens += sign;
    }
  }

  #nodes({ key, version }: Instance): (node: string) => HeatDelta {
    const name = `${key}@${String(version)}`;
    const nodes = this.#versions.get(name) ?? new Map<string, HeatDelta>();
    this.#versions.set(name, nodes);
    return (node) => {
      const known = nodes.get(node);
      if (known) return known;
      const added = { key, version, node, tokens: 0, incidents: 0, completed: 0 };
      nodes.set(node, added);
      return added;
    };
  }
}
