import {
  DraftNotEditable,
  FlowExists,
  FlowNotInDraft,
  NodeExists,
  NodeNotInDraft,
} from '../domain/draft.errors.js';
import type { FlowDraft } from './draft.js';
import { flowName } from './findings.js';
import { isJsonObject, type Json, type JsonObject, memberOf } from './json.js';

/** One step in the making of a draft. */
export type DraftEdit =
  | { readonly do: 'add-node'; readonly node: JsonObject }
  | { readonly do: 'change-node'; readonly id: string; readonly change: JsonObject }
  | { readonly do: 'remove-node'; readonly id: string }
  | { readonly do: 'add-flow'; readonly flow: JsonObject }
  | { readonly do: 'remove-flow'; readonly id: string };

/**
 * A draft after an edit; the one given is left alone. Drafts may be wrong, so only what an edit is about must be right:
 * throws `DraftNotEditable`, `NodeExists`, `NodeNotInDraft`, `FlowExists`, `FlowNotInDraft`.
 */
export function editDraft(draft: JsonObject, edit: DraftEdit): JsonObject {
  switch (edit.do) {
    case 'add-node':
      return addNode(draft, edit.node);
    case 'change-node':
      return changeNode(draft, edit.id, edit.change);
    case 'remove-node':
      return removeNode(draft, edit.id);
    case 'add-flow':
      return addFlow(draft, edit.flow);
    case 'remove-flow':
      return removeFlow(draft, edit.id);
  }
}

function addNode(draft: JsonObject, node: JsonObject): JsonObject {
  const nodes = listIn(draft, 'nodes');
  const id = idOf(node) ?? '';
  if (nodes.some((one) => idOf(one) === id)) throw new NodeExists(id);
  return { ...draft, nodes: [...nodes, node] };
}

function changeNode(draft: JsonObject, id: string, change: JsonObject): JsonObject {
  const nodes = listIn(draft, 'nodes');
  if (!nodes.some((one) => idOf(one) === id)) throw new NodeNotInDraft(id);
  const to = change['id'] ?? id;
  const isRenamed = typeof to === 'string' && to !== id;
  if (isRenamed && nodes.some((one) => idOf(one) === to)) throw new NodeExists(to);
  const changed = nodes.map((one) => (idOf(one) === id ? mergePatch(one, change) : one));
  const after = { ...draft, nodes: changed };
  return isRenamed ? renamed(after, id, to) : after;
}

/** The flows from and to a node go with it. */
function removeNode(draft: JsonObject, id: string): JsonObject {
  const nodes = listIn(draft, 'nodes');
  const left = nodes.filter((one) => idOf(one) !== id);
  if (left.length === nodes.length) throw new NodeNotInDraft(id);
  const flows = listIn(draft, 'flows').filter(
    (flow) => memberOf(flow, 'from') !== id && memberOf(flow, 'to') !== id,
  );
  return { ...draft, nodes: left, flows };
}

/** A flow without an id gets one, by which it can be removed. */
function addFlow(draft: JsonObject, flow: JsonObject): JsonObject {
  const flows = listIn(draft, 'flows');
  const taken = new Set(flows.flatMap((one) => [nameOf(one), idOf(one) ?? '']));
  const given = idOf(flow);
  if (given !== undefined && taken.has(given)) throw new FlowExists(given);
  if (given === undefined && taken.has(nameOf(flow))) throw new FlowExists(nameOf(flow));
  return { ...draft, flows: [...flows, { id: given ?? freeId(flow, taken), ...flow }] };
}

function removeFlow(draft: JsonObject, id: string): JsonObject {
  const flows = listIn(draft, 'flows');
  const at = flows.findIndex((flow) => nameOf(flow) === id);
  if (at < 0) throw new FlowNotInDraft(id);
  return { ...draft, flows: flows.toSpliced(at, 1) };
}

const MOST_OF_AN_ID = 50;

function freeId(flow: JsonObject, taken: ReadonlySet<string>): string {
  const parts = [flow['from'], flow['on'], flow['to']].filter((part) => typeof part === 'string');
  const base = parts.join('_').slice(0, MOST_OF_AN_ID);
  let id = base;
  for (let number = 2; taken.has(id); number += 1) id = `${base}_${String(number)}`;
  return id;
}

/** Fields of a node that name others. */
const REFERENCES = ['in', 'compensate'];

/** Expressions that read the variable of the node are its author's business. */
function renamed(draft: JsonObject, from: string, to: string): JsonObject {
  const swap = (value: Json): Json => (value === from ? to : value);
  const nodes = listIn(draft, 'nodes').map((node) => {
    if (!isJsonObject(node)) return node;
    const changed = swapMembers(node, REFERENCES, swap);
    const { cancels, milestone, compensation } = node;
    if (Array.isArray(cancels)) changed['cancels'] = cancels.map(swap);
    if (isJsonObject(milestone)) changed['milestone'] = swapMembers(milestone, ['at'], swap);
    if (compensation !== undefined) changed['compensation'] = swap(compensation);
    return changed;
  });
  const flows = listIn(draft, 'flows').map((flow) =>
    isJsonObject(flow) ? swapMembers(flow, ['from', 'to'], swap) : flow,
  );
  return { ...draft, nodes, flows };
}

function swapMembers(
  object: JsonObject,
  names: readonly string[],
  swap: (value: Json) => Json,
): JsonObject {
  const changed = { ...object };
  for (const name of names) {
    const value = object[name];
    if (value !== undefined) changed[name] = swap(value);
  }
  return changed;
}

/** JSON Merge Patch (RFC 7396): null removes a member, objects are merged, all else is replaced. */
function mergePatch(target: Json, patch: Json): Json {
  if (!isJsonObject(patch)) return patch;
  const merged: JsonObject = isJsonObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch))
    if (value === null) Reflect.deleteProperty(merged, name);
    else merged[name] = mergePatch(merged[name] ?? null, value);
  return merged;
}

function listIn(draft: JsonObject, name: 'nodes' | 'flows'): Json[] {
  const list = draft[name] ?? [];
  if (!Array.isArray(list)) throw new DraftNotEditable(name);
  return list;
}

function idOf(value: Json): string | undefined {
  const id = memberOf(value, 'id');
  return typeof id === 'string' ? id : undefined;
}

/** A flow of a draft may lack its ends; its name then is one of its own. */
const nameOf = (flow: Json): string => flowName((isJsonObject(flow) ? flow : {}) as FlowDraft);
