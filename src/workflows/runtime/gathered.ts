import type { OutboxMessage } from '../../kernel/outbox/outbox-message.js';
import type { Effect } from '../engine/effects.js';
import { ROOT } from '../engine/state.js';
import type { Instance, TokenRef, WorkRef } from './instance.js';
import {
  cancelChildMessage,
  childEndedMessage,
  childEscalatedMessage,
  type EffectOf,
  emitMessage,
  instanceEvent,
  timerMessage,
} from './messages.js';

/** An effect with the instance that asks for it. */
export interface Wanted<Type extends Effect['type']> {
  readonly instance: Instance;
  readonly effect: EffectOf<Type>;
}

export interface Slot extends TokenRef {
  readonly slot: string;
}

type Gather<Type extends Effect['type']> = (instance: Instance, effect: EffectOf<Type>) => void;

const refOf = (
  { id }: Instance,
  { token, attempt }: Pick<WorkRef, 'token' | 'attempt'>,
): WorkRef => ({
  instanceId: id,
  token,
  attempt,
});
const keyOf = (instance: Instance, { token }: { token: number }, part: string): string =>
  `${instance.id}/${String(token)}/${part}`;

const workKey = (instance: Instance, work: { token: number; attempt: number }): string =>
  keyOf(instance, work, String(work.attempt));

/** Takes everything out of a map. */
export function drain<Value>(map: Map<string, Value>): Value[] {
  const values = [...map.values()];
  map.clear();
  return values;
}

/**
 * What the decisions of one batch ask of the outside. What is asked for and taken back within the batch cancels out,
 * so that it never happens.
 */
export class Gathered {
  readonly jobs = new Map<string, Wanted<'create_job'>>();
  readonly children = new Map<string, Wanted<'start_child'>>();
  readonly userTasks = new Map<string, Wanted<'create_user_task'>>();
  readonly subscriptions = new Map<string, Wanted<'subscribe'>>();
  readonly timers = new Map<string, OutboxMessage>();
  readonly cancelledJobs: WorkRef[] = [];
  readonly cancelledUserTasks: WorkRef[] = [];
  readonly unsubscribed: Slot[] = [];
  /** Instances that have completed: links may follow. */
  readonly ended: Wanted<'end_instance'>[] = [];
  /** Subscriptions to something that may have come before: to be looked for once. */
  readonly unheard: Wanted<'subscribe'>[] = [];
  readonly messages: OutboxMessage[] = [];
  readonly incidents = new Map<string, Wanted<'raise_incident'>>();
  /** Incidents of before that are none any more. */
  readonly resolved: TokenRef[] = [];

  add(instance: Instance, effect: Effect): void {
    (this.#gather[effect.type] as Gather<typeof effect.type>)(instance, effect);
  }

  #resolve(instance: Instance, token: number): void {
    instance.incidents -= 1;
    if (!this.incidents.delete(keyOf(instance, { token }, 'incident')))
      this.resolved.push({ instanceId: instance.id, token });
  }

  readonly #gather: { readonly [Type in Effect['type']]: Gather<Type> } = {
    create_job: (instance, effect) =>
      this.jobs.set(workKey(instance, effect), { instance, effect }),
    cancel_job: (instance, effect) => {
      if (!this.jobs.delete(workKey(instance, effect)))
        this.cancelledJobs.push(refOf(instance, effect));
    },
    create_user_task: (instance, effect) =>
      this.userTasks.set(workKey(instance, effect), { instance, effect }),
    cancel_user_task: (instance, effect) => {
      if (!this.userTasks.delete(workKey(instance, effect)))
        this.cancelledUserTasks.push(refOf(instance, effect));
    },
    start_child: (instance, effect) =>
      this.children.set(workKey(instance, effect), { instance, effect }),
    cancel_child: (instance, effect) => {
      if (!this.children.delete(workKey(instance, effect)))
        this.messages.push(cancelChildMessage(instance, effect));
    },
    schedule_timer: (instance, effect) =>
      this.timers.set(keyOf(instance, effect, effect.timer), timerMessage(instance, effect)),
    // One that is on its way is recognised as stale when it comes.
    cancel_timer: (instance, effect) => this.timers.delete(keyOf(instance, effect, effect.timer)),
    subscribe: (instance, effect) => {
      const wanted = { instance, effect };
      this.subscriptions.set(keyOf(instance, effect, effect.slot), wanted);
      if (effect.to === 'message' || effect.remembered) this.unheard.push(wanted);
    },
    unsubscribe: (instance, effect) => {
      if (!this.subscriptions.delete(keyOf(instance, effect, effect.slot)))
        this.unsubscribed.push({ instanceId: instance.id, token: effect.token, slot: effect.slot });
    },
    emit_message: (instance, effect) => this.messages.push(emitMessage(instance, effect)),
    emit_signal: (instance, effect) => this.messages.push(emitMessage(instance, effect)),
    escalate: (instance, effect) => {
      if (instance.parent)
        this.messages.push(childEscalatedMessage(instance, instance.parent, effect));
    },
    raise_incident: (instance, effect) => {
      const { token, node, incident } = effect;
      instance.incidents += 1;
      this.incidents.set(keyOf(instance, effect, 'incident'), { instance, effect });
      this.messages.push(instanceEvent('incident-raised', instance, { token, node, ...incident }));
    },
    resolve_incident: (instance, { token }) => {
      this.#resolve(instance, token);
    },
    end_instance: (instance, effect) => {
      // Those of tokens were resolved as these were withdrawn; what is left is the instance's own.
      if (instance.incidents > 0) this.#resolve(instance, ROOT);
      instance.incidents = 0;
      instance.outcome = effect.outcome;
      instance.error = effect.error ?? null;
      const { outcome, error } = effect;
      const told = { outcome, ...(effect.status === 'failed' && { error: error ?? null }) };
      this.messages.push(instanceEvent(`instance-${effect.status}`, instance, told));
      if (effect.status === 'completed') this.ended.push({ instance, effect });
      if (instance.parent) this.messages.push(childEndedMessage(instance, instance.parent, effect));
    },
  };
}
