import type { Json } from '../definition/json.js';
import type { NodeCompleted, TokenAdded, TokenWaiting, WorkflowEvent } from './events.js';
import {
  NOBODY,
  ROOT,
  type EachState,
  type InstanceState,
  type JoinState,
  type Token,
  type Wait,
} from './state.js';

type EventOf<Type extends WorkflowEvent['type']> = Extract<WorkflowEvent, { type: Type }>;
type Apply<Type extends WorkflowEvent['type']> = (
  state: InstanceState,
  event: EventOf<Type>,
) => void;

/**
 * Applies an event to the state that it is given, which becomes the next one: nothing is copied, so that an instance
 * of a thousand tokens costs no more a step than one of three. Throws if the event speaks of a token that is not
 * there, which only a history with gaps makes it do.
 */
export function evolve(state: InstanceState, event: WorkflowEvent): InstanceState {
  (appliers[event.type] as Apply<typeof event.type>)(state, event);
  return state;
}

const appliers: { readonly [Type in WorkflowEvent['type']]: Apply<Type> } = {
  started: (state, { variables }) => {
    state.status = 'running';
    state.variables = { ...variables };
    state.next = 1;
    const root: Token = { id: ROOT, node: '', scope: -1, status: 'waiting', live: 0 };
    root.wait = { for: 'tokens' };
    state.tokens.set(ROOT, root);
  },
  token_added: addToken,
  token_waiting: wait,
  token_blocked: (state, { token: id, mutex }) => {
    const token = tokenOf(state, id);
    token.status = 'blocked';
    delete token.wait;
    if (mutex === undefined) {
      letGo(state, token);
      delete token.mutex;
      return;
    }
    token.mutex = mutex;
    state.mutexes[mutex]?.queue.push(id);
  },
  token_released: (state, { token: id }) => {
    const token = tokenOf(state, id);
    token.status = 'ready';
    delete token.wait;
    leaveQueue(state, token);
  },
  mutex_taken: (state, { token: id, mutex }) => {
    tokenOf(state, id).mutex = mutex;
    const waiting = state.mutexes[mutex]?.queue ?? [];
    state.mutexes[mutex] = { holder: id, queue: waiting.filter((other) => other !== id) };
  },
  node_completed: complete,
  tokens_withdrawn: (state, { tokens }) => {
    for (const id of tokens) removeToken(state, tokenOf(state, id));
  },
  join_changed: (state, { scope: id, node, join }) => {
    const scope = tokenOf(state, id);
    scope.joins ??= {};
    if (join) scope.joins[node] = join;
    else delete scope.joins[node];
  },
  each_started: (state, { token, total, items }) => {
    const each: EachState = { total, started: 0, done: 0, outcomes: {} };
    tokenOf(state, token).each = items ? { ...each, items: [...items] } : each;
  },
  each_extended: (state, { token, count, items }) => {
    const each = eachOf(state, token);
    each.total += count;
    if (items) each.items?.push(...items);
  },
  each_spawned: spawn,
  each_passed: (state, { token, variables }) => {
    eachOf(state, token).passed = true;
    Object.assign(state.variables, variables);
  },
  timer_set: (state, { token: id, timer, at }) => {
    (tokenOf(state, id).timers ??= {})[timer] = at;
  },
  timer_fired: (state, { token: id, timer }) => {
    const token = tokenOf(state, id);
    if (token.timers) delete token.timers[timer];
    count(token, timer);
  },
  condition_held: (state, { token, boundary }) => {
    count(tokenOf(state, token), boundary);
  },
  retry_scheduled: (state, { token: id, at }) => {
    const token = tokenOf(state, id);
    token.wait = { for: 'retry' };
    (token.timers ??= {})['retry'] = at;
  },
  reported: (state, { name, key, data, at }) => {
    state.reports[reportKey(name, key)] = { data, at };
  },
  variables_set: (state, { variables }) => {
    Object.assign(state.variables, variables);
  },
  incident_raised: (state, { token: id, incident, pending }) => {
    const token = tokenOf(state, id);
    token.status = 'incident';
    token.incident = incident;
    if (pending) token.pending = pending;
    if (!isContainer(token)) delete token.wait;
  },
  incident_resolved: (state, { token: id }) => {
    const token = tokenOf(state, id);
    token.status = token.wait ? 'waiting' : 'ready';
    delete token.incident;
    delete token.pending;
    if (token.attempt !== undefined) token.attemptsBefore = token.attempt;
  },
  undo_started: (state, { token: id, nodes }) => {
    const token = tokenOf(state, id);
    token.undoing = [...nodes];
    const scope = tokenOf(state, token.scope);
    const left = [...nodes];
    scope.undo = (scope.undo ?? []).filter((node) => {
      const at = left.indexOf(node);
      if (at >= 0) left.splice(at, 1);
      return at < 0;
    });
  },
  undo_next: (state, { token }) => {
    tokenOf(state, token).undoing?.shift();
  },
  migrated: (state, { nodes, flows }) => {
    const nodeOf = (name: string): string => nodes[name] ?? name;
    for (const token of state.tokens.values()) {
      const moved: Token = { ...token, node: nodeOf(token.node) };
      if (token.undo) moved.undo = token.undo.map(nodeOf);
      if (token.undoing) moved.undoing = token.undoing.map(nodeOf);
      if (token.joins) moved.joins = renameJoins(token.joins, nodeOf, flows);
      state.tokens.set(token.id, moved);
    }
    state.pausedNodes = state.pausedNodes.map(nodeOf);
  },
  paused: (state, { node }) => {
    if (node === undefined) state.paused = true;
    else state.pausedNodes.push(node);
  },
  resumed: (state, { node }) => {
    if (node === undefined) state.paused = false;
    else state.pausedNodes = state.pausedNodes.filter((other) => other !== node);
  },
  ended: (state, { status }) => {
    state.status = status;
    state.tokens.clear();
  },
};

function renameJoins(
  joins: Readonly<Record<string, JoinState>>,
  nodeOf: (name: string) => string,
  flows: Readonly<Record<string, string>>,
): Record<string, JoinState> {
  return Object.fromEntries(
    Object.entries(joins).map(([node, join]) => {
      const arrived = Object.fromEntries(
        Object.entries(join.arrived).map(([flow, count]) => [flows[flow] ?? flow, count]),
      );
      return [nodeOf(node), { ...join, arrived }];
    }),
  );
}

/** The key of a report in {@link InstanceState.reports}. */
export const reportKey = (name: string, key: string | null): string =>
  key === null ? name : `${name}/${key}`;

function tokenOf(state: InstanceState, id: number): Token {
  const token = state.tokens.get(id);
  if (!token) throw new Error(`The history speaks of token ${id}, which is not there`);
  return token;
}

function eachOf(state: InstanceState, id: number): EachState {
  const { each } = tokenOf(state, id);
  if (!each) throw new Error(`The history speaks of token ${id} as one done many times`);
  return each;
}

function addToken(state: InstanceState, { token: id, node, scope, race }: TokenAdded): void {
  const token: Token = { id, node, scope, status: 'ready', live: 0 };
  state.tokens.set(id, race ? { ...token, race } : token);
  state.next = id + 1;
  tokenOf(state, scope).live += 1;
}

function wait(state: InstanceState, event: TokenWaiting): void {
  const token = tokenOf(state, event.token);
  token.status = 'waiting';
  token.wait = event.wait;
  token.armed = true;
  if (isWork(event.wait)) token.attempt = (token.attempt ?? 0) + 1;
  if (event.timers) token.timers = { ...token.timers, ...event.timers };
  if (event.subscriptions) token.subscriptions = { ...token.subscriptions, ...event.subscriptions };
}

function spawn(state: InstanceState, { token: id, first, count }: EventOf<'each_spawned'>): void {
  const parent = tokenOf(state, id);
  const each = eachOf(state, id);
  for (let i = 0; i < count; i += 1) {
    const child = first + i;
    const index = each.started + i;
    state.tokens.set(child, {
      id: child,
      node: parent.node,
      scope: id,
      status: 'ready',
      live: 0,
      index,
    });
  }
  each.started += count;
  parent.live += count;
  state.next = first + count;
}

function complete(state: InstanceState, event: NodeCompleted): void {
  const token = tokenOf(state, event.token);
  const scope = tokenOf(state, token.scope);
  if (event.variables) Object.assign(state.variables, event.variables);
  if (event.ends !== undefined) scope.outcome = event.ends;
  if (event.undo !== undefined) (scope.undo ??= []).push(event.undo);
  if (token.index !== undefined && scope.each) {
    const { each } = scope;
    each.done += 1;
    each.outcomes[event.outcome] = (each.outcomes[event.outcome] ?? 0) + 1;
    if (event.result !== undefined) keepResult(each, token.index, event.result);
  }
  removeToken(state, token);
}

/** Holes are null from the start, because JSON knows no others. */
function keepResult(each: EachState, index: number, result: Json): void {
  const results = (each.results ??= []);
  while (results.length < index) results.push(null);
  results[index] = result;
}

function removeToken(state: InstanceState, token: Token): void {
  state.tokens.delete(token.id);
  const scope = state.tokens.get(token.scope);
  if (scope) scope.live -= 1;
  letGo(state, token);
}

/** A free mutex has no holder until the next one takes it; one that nobody waits for is forgotten. */
function letGo(state: InstanceState, token: Token): void {
  leaveQueue(state, token);
  const mutex = token.mutex === undefined ? undefined : state.mutexes[token.mutex];
  if (!mutex || token.mutex === undefined) return;
  if (mutex.holder === token.id) mutex.holder = NOBODY;
  if (mutex.holder === NOBODY && mutex.queue.length === 0)
    Reflect.deleteProperty(state.mutexes, token.mutex);
}

function leaveQueue(state: InstanceState, token: Token): void {
  const mutex = token.mutex === undefined ? undefined : state.mutexes[token.mutex];
  if (mutex && mutex.holder !== token.id)
    mutex.queue = mutex.queue.filter((other) => other !== token.id);
}

function count(token: Token, name: string): void {
  const fired = (token.fired ??= {});
  fired[name] = (fired[name] ?? 0) + 1;
}

/** Something that is asked of the outside, each time as an attempt of its own. */
const isWork = ({ for: kind }: Wait): boolean =>
  kind === 'job' || kind === 'human' || kind === 'child';

/** Waits for the tokens inside, and goes on doing so while an incident is open. */
function isContainer(token: Token): boolean {
  const kind = token.wait?.for;
  return kind === 'tokens' || kind === 'each' || kind === 'undo';
}
