import type { Json, JsonObject } from '../definition/json.js';

/** The token that stands for the instance itself; every other one lies in it. */
export const ROOT = 0;

/**
 * Everything that is known of a running instance: plain data, of a size that depends on what is going on now and
 * not on what has been. Tokens form a tree: a token at a scope, or at a node done many times, has others inside.
 */
export interface InstanceState {
  status: 'new' | 'running' | 'completed' | 'failed' | 'cancelled';
  variables: JsonObject;
  /** The id of the next token. Ids are never used twice, so (instance, token) is a key for the outside. */
  next: number;
  tokens: Map<number, Token>;
  mutexes: Record<string, Mutex>;
  /** The last report of each criterion, by name and key. */
  reports: Record<string, Report>;
  paused: boolean;
  pausedNodes: string[];
}

export interface Token {
  readonly id: number;
  readonly node: string;
  /** The token that it lies in; that of the root is none. */
  readonly scope: number;
  /** ready: to be stepped. waiting: for the outside or the tokens inside. blocked: by a mutex or a milestone. */
  status: 'ready' | 'waiting' | 'blocked' | 'incident';
  /** Tokens directly inside. */
  live: number;
  /** Its number among those of an `each`. */
  readonly index?: number;
  /** Tokens of which only one may be done: a deferred choice. */
  readonly race?: Race;
  wait?: Wait;
  /** Boundary events have been armed; a further attempt does not arm them again. */
  armed?: true;
  timers?: Record<string, number>;
  /** Times that a repeating timer has fired, and boundary conditions that have held. */
  fired?: Record<string, number>;
  subscriptions?: Record<string, Subscription>;
  /** How often its work has been asked for; never counted back, so that (token, attempt) names one job. */
  attempt?: number;
  /** Attempts before the last incident that was tried again; `retry` counts from there. */
  attemptsBefore?: number;
  mutex?: string;
  incident?: Incident;
  /** How it ended, when what follows could not be computed. */
  pending?: Ending;
  joins?: Record<string, JoinState>;
  /** Nodes that undo what was done in this scope, first done first. */
  undo?: string[];
  undoing?: string[];
  outcome?: string;
  each?: EachState;
}

export interface Race {
  readonly first: number;
  readonly count: number;
}

export interface Wait {
  readonly for:
    | 'job'
    | 'human'
    | 'timer'
    | 'message'
    | 'signal'
    | 'condition'
    | 'criteria'
    | 'child'
    | 'tokens'
    | 'each'
    | 'undo'
    | 'retry';
  /** Of a job: its kind. Of a child: its workflow. */
  readonly name?: string;
}

export interface Subscription {
  readonly to: 'message' | 'signal';
  readonly name: string;
  /** Null takes any key. */
  readonly key: string | null;
}

export interface Incident {
  readonly code: string;
  readonly message: string;
}

export interface Ending {
  readonly outcome: string;
  readonly result: Json;
}

export interface JoinState {
  /** Tokens by incoming flow. */
  readonly arrived: Readonly<Record<string, number>>;
  /** It has gone on, and waits for the rest of its round. */
  readonly fired?: true;
}

export interface EachState {
  readonly items?: Json[];
  total: number;
  started: number;
  done: number;
  outcomes: Record<string, number>;
  results?: Json[];
  /** It has gone on, and only waits for those left behind. */
  passed?: true;
}

/** Holds a mutex that has been let go, and not taken yet. */
export const NOBODY = -1;

export interface Mutex {
  holder: number;
  queue: number[];
}

export interface Report {
  readonly data: Json;
  readonly at: number;
}

export function newInstance(): InstanceState {
  return {
    status: 'new',
    variables: {},
    next: 0,
    tokens: new Map(),
    mutexes: {},
    reports: {},
    paused: false,
    pausedNodes: [],
  };
}

/** A copy that can be changed without changing the original. */
export function copyState(state: InstanceState): InstanceState {
  const tokens = new Map<number, Token>();
  for (const [id, token] of state.tokens) tokens.set(id, copyToken(token));
  return {
    ...state,
    variables: { ...state.variables },
    tokens,
    mutexes: mapValues(state.mutexes, (mutex) => ({ ...mutex, queue: [...mutex.queue] })),
    reports: { ...state.reports },
    pausedNodes: [...state.pausedNodes],
  };
}

function copyToken(token: Token): Token {
  const copy = { ...token };
  if (token.timers) copy.timers = { ...token.timers };
  if (token.fired) copy.fired = { ...token.fired };
  if (token.subscriptions) copy.subscriptions = { ...token.subscriptions };
  if (token.joins) copy.joins = { ...token.joins };
  if (token.undo) copy.undo = [...token.undo];
  if (token.undoing) copy.undoing = [...token.undoing];
  if (token.each) copy.each = copyEach(token.each);
  return copy;
}

function copyEach(each: EachState): EachState {
  const copy = { ...each, outcomes: { ...each.outcomes } };
  if (each.items) copy.items = [...each.items];
  if (each.results) copy.results = [...each.results];
  return copy;
}

function mapValues<Value>(
  record: Record<string, Value>,
  change: (value: Value) => Value,
): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

/** The same as JSON, tokens in the order of their ids. */
export interface StoredState extends Omit<InstanceState, 'tokens'> {
  readonly tokens: readonly Token[];
}

export const storeState = (state: InstanceState): StoredState => ({
  ...state,
  tokens: [...state.tokens.values()],
});

/** Takes over what it is given. */
export const restoreState = (stored: StoredState): InstanceState => ({
  ...stored,
  tokens: new Map(stored.tokens.map((token) => [token.id, token])),
});
