import type { Json } from '../definition/json.js';
import { MAX_SEARCHED } from '../workflow-instances.dto.js';
import type { Instance } from './instance.js';

export interface SearchValue {
  readonly instance: Instance;
  readonly name: string;
  readonly value: string;
}

export interface SearchChanges {
  readonly set: readonly SearchValue[];
  readonly removed: readonly Omit<SearchValue, 'value'>[];
}

/** Variables that workflows declare in `indexes`, before a movement; of workflows that declare none nothing is kept. */
export class SearchValues {
  readonly #before = new Map<Instance, ReadonlyMap<string, string>>();

  /** Before its first decision. */
  touch(instance: Instance, names: readonly string[]): void {
    if (!this.#before.has(instance)) this.#before.set(instance, valuesOf(instance, names));
  }

  /** Ends it; `namesOf` tells the indexes of an instance as it is now. */
  changes(namesOf: (instance: Instance) => readonly string[]): SearchChanges {
    const set: SearchValue[] = [];
    const removed: Omit<SearchValue, 'value'>[] = [];
    for (const [instance, before] of this.#before) {
      const after = valuesOf(instance, namesOf(instance));
      for (const [name, value] of after)
        if (before.get(name) !== value) set.push({ instance, name, value });
      for (const name of before.keys()) if (!after.has(name)) removed.push({ instance, name });
    }
    this.#before.clear();
    return { set, removed };
  }
}

function valuesOf({ state }: Instance, names: readonly string[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const name of names) {
    const text = searchedAs(state.variables[name]);
    if (text !== undefined) values.set(name, text);
  }
  return values;
}

/** Texts as they are, numbers and truths as JSON; nothing else can be searched for. */
function searchedAs(value: Json | undefined): string | undefined {
  if (typeof value === 'string') return value.slice(0, MAX_SEARCHED);
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}
