import type { Json, JsonObject } from '../definition/json.js';
import type { Incident } from './state.js';

/**
 * What an instance asks of the outside. Effects are carried out in their order, after the events are stored, at least
 * once: (instance, token, attempt) is the key under which a second time is to be recognised.
 */
export type Effect =
  | {
      readonly type: 'create_job';
      readonly token: number;
      readonly node: string;
      readonly kind: string;
      readonly input: Json;
      readonly attempt: number;
      readonly due?: Date;
    }
  | {
      readonly type: 'create_user_task';
      readonly attempt: number;
      readonly token: number;
      readonly node: string;
      readonly outcomes: readonly string[];
      /** Resolved config of the node: roles, users, title, form, data. */
      readonly task: Json;
      readonly due?: Date;
    }
  | {
      readonly type: 'start_child';
      readonly attempt: number;
      readonly token: number;
      readonly node: string;
      /** `key` or `key@version`. */
      readonly workflow: string;
      readonly input: Json;
    }
  | {
      readonly type: 'cancel_job' | 'cancel_user_task' | 'cancel_child';
      readonly attempt: number;
      readonly token: number;
      readonly node: string;
    }
  | {
      readonly type: 'schedule_timer';
      readonly token: number;
      readonly timer: string;
      readonly at: Date;
    }
  | { readonly type: 'cancel_timer'; readonly token: number; readonly timer: string }
  | {
      readonly type: 'subscribe' | 'unsubscribe';
      readonly token: number;
      /** Of several of one token; comes back with nothing. */
      readonly slot: string;
      readonly to: 'message' | 'signal';
      readonly name: string;
      readonly key: string | null;
      /** Whoever keeps the last report may deliver it at once: this is a criterion. */
      readonly remembered: boolean;
    }
  | {
      readonly type: 'emit_message' | 'emit_signal';
      readonly token: number;
      readonly node: string;
      readonly name: string;
      readonly key: string | null;
      readonly data: Json;
    }
  | {
      /** An escalation that nothing in this instance takes: for whoever called it. */
      readonly type: 'escalate';
      readonly token: number;
      readonly node: string;
      readonly code: string;
      readonly data: Json;
    }
  | {
      readonly type: 'raise_incident';
      readonly token: number;
      readonly node: string;
      readonly incident: Incident;
    }
  | { readonly type: 'resolve_incident'; readonly token: number; readonly node: string }
  | {
      readonly type: 'end_instance';
      readonly status: 'completed' | 'failed' | 'cancelled';
      readonly outcome: string;
      readonly variables: JsonObject;
      readonly error?: Incident;
    };
