import type { Json, JsonObject } from '../definition/json.js';
import type { Incident, JoinState, Race, Subscription, Wait } from './state.js';

/** What happened to an instance. The events since its start, in order, give its state; each is small JSON. */
export type WorkflowEvent =
  | { readonly type: 'started'; readonly variables: JsonObject }
  | TokenAdded
  | TokenWaiting
  | {
      readonly type: 'token_blocked';
      readonly token: number;
      readonly node: string;
      /** Without it, a milestone is what blocks. */
      readonly mutex?: string;
    }
  | { readonly type: 'token_released'; readonly token: number }
  | { readonly type: 'mutex_taken'; readonly token: number; readonly mutex: string }
  | NodeCompleted
  | { readonly type: 'tokens_withdrawn'; readonly tokens: readonly number[] }
  | {
      readonly type: 'join_changed';
      readonly scope: number;
      readonly node: string;
      /** Null when nothing is left of the round. */
      readonly join: JoinState | null;
    }
  | {
      readonly type: 'each_started';
      readonly token: number;
      readonly total: number;
      readonly items?: Json[];
    }
  | {
      readonly type: 'each_extended';
      readonly token: number;
      readonly count: number;
      readonly items?: Json[];
    }
  | {
      readonly type: 'each_spawned';
      readonly token: number;
      readonly first: number;
      readonly count: number;
    }
  | { readonly type: 'each_passed'; readonly token: number; readonly variables?: JsonObject }
  | {
      readonly type: 'timer_set';
      readonly token: number;
      readonly timer: string;
      readonly at: number;
    }
  | { readonly type: 'timer_fired'; readonly token: number; readonly timer: string }
  | { readonly type: 'condition_held'; readonly token: number; readonly boundary: string }
  | {
      readonly type: 'retry_scheduled';
      readonly token: number;
      readonly at: number;
      readonly error: Incident;
    }
  | {
      readonly type: 'reported';
      readonly name: string;
      readonly key: string | null;
      readonly data: Json;
      readonly at: number;
    }
  | { readonly type: 'variables_set'; readonly variables: JsonObject }
  | {
      readonly type: 'incident_raised';
      readonly token: number;
      readonly node: string;
      readonly incident: Incident;
      readonly pending?: { readonly outcome: string; readonly result: Json };
    }
  | { readonly type: 'incident_resolved'; readonly token: number }
  | { readonly type: 'undo_started'; readonly token: number; readonly nodes: readonly string[] }
  | { readonly type: 'undo_next'; readonly token: number }
  | {
      /** Goes on by another version: new names of nodes, and of flows in joins, where they differ. */
      readonly type: 'migrated';
      readonly nodes: Readonly<Record<string, string>>;
      readonly flows: Readonly<Record<string, string>>;
    }
  | { readonly type: 'paused'; readonly node?: string }
  | { readonly type: 'resumed'; readonly node?: string }
  | Ended;

export interface TokenAdded {
  readonly type: 'token_added';
  readonly token: number;
  readonly node: string;
  readonly scope: number;
  readonly race?: Race;
}

export interface TokenWaiting {
  readonly type: 'token_waiting';
  readonly token: number;
  readonly node: string;
  readonly wait: Wait;
  /** Instants by name: `wait` is that of the node itself, `on0` that of its first boundary event. */
  readonly timers?: Record<string, number>;
  readonly subscriptions?: Record<string, Subscription>;
}

export interface NodeCompleted {
  readonly type: 'node_completed';
  readonly token: number;
  readonly node: string;
  readonly outcome: string;
  /** It stands for all that were done of an `each`. */
  readonly whole?: true;
  /** Variables that it has changed; null ones stay, as null. */
  readonly variables?: JsonObject;
  /** Kept for the whole, when the node is one of an `each`. */
  readonly result?: Json;
  /** The node that would undo it. */
  readonly undo?: string;
  /** The outcome of the scope around it. */
  readonly ends?: string;
}

export interface Ended {
  readonly type: 'ended';
  readonly status: 'completed' | 'failed' | 'cancelled';
  readonly outcome: string;
  readonly error?: Incident;
}
