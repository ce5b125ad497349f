import type { Json, JsonObject } from '../definition/json.js';

/** What can be told to an instance. */
export type WorkflowCommand =
  | {
      readonly type: 'start';
      readonly variables?: JsonObject;
      /** One of several start nodes; default: the first that no trigger belongs to. */
      readonly node?: string;
      /** What has started it; what the start node gives on. */
      readonly data?: Json;
    }
  | {
      /** A job or a user task is done. */
      readonly type: 'complete';
      readonly token: number;
      /** That of the effect; another one than the present is rejected as stale. Default: the present one. */
      readonly attempt?: number;
      /** One of the node's; default: its first. */
      readonly outcome?: string;
      readonly result?: Json;
    }
  | {
      readonly type: 'fail';
      readonly token: number;
      readonly attempt?: number;
      readonly code: string;
      readonly message: string;
      /** False when another attempt is of no use. */
      readonly retriable?: boolean;
    }
  | { readonly type: 'fire_timer'; readonly token: number; readonly timer: string }
  | {
      /** One token takes it: the given one, or else the one that has waited longest. */
      readonly type: 'message';
      readonly name: string;
      readonly key?: string | null;
      readonly data?: Json;
      readonly token?: number;
    }
  | {
      /** Every token that waits for it hears it. */
      readonly type: 'signal';
      readonly name: string;
      readonly key?: string | null;
      readonly data?: Json;
    }
  | {
      readonly type: 'child_ended';
      readonly token: number;
      readonly attempt?: number;
      readonly status: 'completed' | 'failed' | 'cancelled';
      readonly outcome?: string;
      readonly result?: Json;
      readonly error?: { readonly code: string; readonly message: string };
    }
  | {
      /** From the child that a token waits for. */
      readonly type: 'child_escalated';
      readonly token: number;
      readonly code: string;
      readonly data?: Json;
    }
  | {
      /** The whole instance, or what one token does. */
      readonly type: 'cancel';
      readonly token?: number;
    }
  | { readonly type: 'pause'; readonly node?: string }
  | { readonly type: 'resume'; readonly node?: string }
  | {
      /** One incident, or all. */
      readonly type: 'retry';
      readonly token?: number;
    }
  | {
      /** Moves a token, or without one puts a new token at a node of the outermost scope. */
      readonly type: 'modify';
      readonly token?: number;
      readonly to: string;
    }
  | { readonly type: 'set_variables'; readonly variables: JsonObject }
  /** Something outside has changed, such as the config or a pause: conditions and tokens that it held are looked at again. */
  | { readonly type: 'reconsider' }
  | {
      /** More for a node done many times that is `dynamic`. */
      readonly type: 'extend';
      readonly token: number;
      readonly items?: Json[];
      readonly count?: number;
    };

export interface Rejection {
  readonly code:
    | 'not-running'
    | 'already-started'
    | 'no-start'
    | 'unknown-token'
    | 'not-waiting'
    | 'stale-attempt'
    | 'wrong-outcome'
    | 'unknown-timer'
    | 'nobody-waits'
    | 'unknown-node'
    | 'no-incident'
    | 'not-extensible';
  readonly message: string;
  /** What of the command is wrong. */
  readonly field?: string;
}
