import type { Env } from '../../kernel/env.js';
import { EVENTS_EXCHANGE } from '../../kernel/messaging/broker.js';
import { contextHeaders } from '../../kernel/messaging/message-headers.js';
import {
  commandMessage,
  eventMessage,
  type OutboxMessage,
} from '../../kernel/outbox/outbox-message.js';
import type { DomainEvent } from '../../kernel/domain/domain-event.js';
import type { Effect } from '../engine/effects.js';
import type { Instance, WorkRef } from './instance.js';

/** The queue of all that is said to workflows. */
export const WORKFLOWS = 'workflows';

/** One member of the union stands for several types of effects, so `Extract` would not find it. */
export type EffectOf<Type extends Effect['type'], All = Effect> = All extends Effect
  ? Type extends All['type']
    ? All & { readonly type: Type }
    : never
  : never;

const toWorkflows = (route: string, body: object, about?: Instance, dueAt?: Date): OutboxMessage =>
  commandMessage(
    { queue: WORKFLOWS, route, body },
    { ...(about && { headers: contextHeaders(about) }), ...(dueAt && { dueAt }) },
  );

/** Asks the running instances behind `after` to look at their conditions again. */
export const reconsiderMessage = (key: string, after?: string): OutboxMessage =>
  toWorkflows('instances/reconsider', { key, ...(after !== undefined && { after }) });

/** Asks for the next instances of a batch. */
export const advanceBatchMessage = (id: string): OutboxMessage =>
  toWorkflows('batches/advance', { batch_id: id });

/** The instant tells a timer that was set anew from the one before. */
export const timerMessage = (
  instance: Instance,
  effect: EffectOf<'schedule_timer'>,
): OutboxMessage =>
  toWorkflows(
    'timers/fire',
    {
      instance_id: instance.id,
      token: effect.token,
      timer: effect.timer,
      at: effect.at.getTime(),
    },
    instance,
    effect.at,
  );

/** None where no occurrence is left. */
export const startTimerMessage = (start: {
  readonly key: string;
  readonly node: string;
  readonly nextAt: Date | null;
}): OutboxMessage[] => {
  const { key, node, nextAt } = start;
  if (!nextAt) return [];
  return [toWorkflows('starts/fire', { key, node, at: nextAt.getTime() }, undefined, nextAt)];
};

export const emitMessage = (
  instance: Instance,
  { type, name, key, data }: EffectOf<'emit_message' | 'emit_signal'>,
): OutboxMessage =>
  toWorkflows(
    type === 'emit_signal' ? 'signals/report' : 'messages/deliver',
    { name, ...(key !== null && { key }), data },
    instance,
  );

export const childEndedMessage = (
  child: Instance,
  parent: WorkRef,
  { status, outcome, variables: result, error }: EffectOf<'end_instance'>,
): OutboxMessage =>
  toWorkflows(
    'instances/child-ended',
    {
      instance_id: parent.instanceId,
      token: parent.token,
      attempt: parent.attempt,
      status,
      outcome,
      result,
      ...(error && { error }),
    },
    child,
  );

export const childEscalatedMessage = (
  child: Instance,
  parent: WorkRef,
  { code, data }: EffectOf<'escalate'>,
): OutboxMessage =>
  toWorkflows(
    'instances/child-escalated',
    {
      instance_id: parent.instanceId,
      token: parent.token,
      attempt: parent.attempt,
      code,
      data,
    },
    child,
  );

export const cancelChildMessage = (
  parent: Instance,
  { token, attempt }: EffectOf<'cancel_child'>,
): OutboxMessage =>
  toWorkflows('instances/cancel-child', { parent_id: parent.id, token, attempt }, parent);

/** What others may know of an instance. */
export function instanceEvent(name: string, instance: Instance, data: object = {}): OutboxMessage {
  const event: DomainEvent = {
    type: `workflows.${name}.v1`,
    key: instance.id,
    data: {
      instance_id: instance.id,
      workflow: instance.key,
      version: instance.version,
      business_key: instance.businessKey,
      ...data,
    },
  };
  return eventMessage(event, contextHeaders(instance));
}

/** Asks to look for what may have come while a token began to wait for it. */
export const listenMessage = ({
  instance,
  effect: { token, slot },
}: {
  instance: Instance;
  effect: EffectOf<'subscribe'>;
}): OutboxMessage =>
  toWorkflows('subscriptions/listen', { instance_id: instance.id, token, slot }, instance);

const EVENT_TYPE = /^workflows\.(.+)\.v1$/;

/** Without the events that the program does not publish. */
export const published = (env: Env, messages: readonly OutboxMessage[]): OutboxMessage[] => {
  const wanted: readonly string[] = env.WORKFLOWS_EVENTS;
  return messages.filter(({ exchange, routingKey }) => {
    if (exchange !== EVENTS_EXCHANGE) return true;
    return wanted.includes(EVENT_TYPE.exec(routingKey)?.[1] ?? '');
  });
};
