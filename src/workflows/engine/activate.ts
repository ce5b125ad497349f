import type { CompiledBoundary, CompiledNode, Correlation } from '../definition/compiled.js';
import { ExpressionError, type Lookup } from '../definition/expression.js';
import type { Run } from './run.js';
import type { Subscription, Token, Wait } from './state.js';
import { subscriptionEffect } from './withdraw.js';

/** What a token waits for, beside its boundary events. */
export interface Armed {
  readonly timers?: Record<string, number>;
  readonly subscriptions?: Record<string, Subscription>;
}

/** Lets a token wait, and arms the boundary events of its node. Throws ExpressionError before anything happens. */
export function activate(run: Run, token: Token, wait: Wait, own: Armed = {}): void {
  // Boundary events belong to the whole of an `each`, and are armed once, however often its work is tried.
  const isArmed = token.armed === true || token.index !== undefined;
  const around = isArmed ? {} : boundaryArms(run, token);
  const timers = { ...own.timers, ...around.timers };
  const subscriptions = { ...own.subscriptions, ...around.subscriptions };
  run.record({
    type: 'token_waiting',
    token: token.id,
    node: token.node,
    wait,
    ...(hasKeys(timers) && { timers }),
    ...(hasKeys(subscriptions) && { subscriptions }),
  });
  for (const [timer, at] of Object.entries(timers))
    run.ask({ type: 'schedule_timer', token: token.id, timer, at: new Date(at) });
  for (const [slot, subscription] of Object.entries(subscriptions))
    run.ask(subscriptionEffect('subscribe', token.id, slot, subscription));
}

function boundaryArms(run: Run, token: Token): Armed {
  const { on } = run.node(token);
  if (on.length === 0) return {};
  const names = run.names(token);
  const timers: Record<string, number> = {};
  const subscriptions: Record<string, Subscription> = {};
  for (const [i, event] of on.entries()) {
    const slot = boundarySlot(i);
    if (event.timer) timers[slot] = event.timer(names, run.now);
    const subscription = boundarySubscription(event, names);
    if (subscription) subscriptions[slot] = subscription;
  }
  return { timers, subscriptions };
}

const BOUNDARY = 'on';
export const boundarySlot = (index: number): string => `${BOUNDARY}${index}`;

/** The boundary event that a timer or a subscription belongs to, with its number. */
export function boundaryOf(
  node: CompiledNode,
  slot: string,
): { readonly event: CompiledBoundary; readonly index: number } | undefined {
  if (!slot.startsWith(BOUNDARY)) return undefined;
  const index = Number(slot.slice(BOUNDARY.length));
  const event = node.on[index];
  return event && { event, index };
}

function boundarySubscription(event: CompiledBoundary, names: Lookup): Subscription | undefined {
  if (event.message) return subscriptionOf('message', event.message, names);
  return event.signal && subscriptionOf('signal', event.signal, names);
}

/** Throws ExpressionError, also when the name is no text. */
export function subscriptionOf(
  to: Subscription['to'],
  correlation: Correlation,
  names: Lookup,
): Subscription {
  return { to, ...addressOf(correlation, names) };
}

/** Names and keys are looked up in an index of Postgres, which takes no longer ones. */
export const MOST_OF_AN_ADDRESS = 255;

/** A key may be any JSON; it is compared as text. */
export function addressOf(
  { name, key }: Correlation,
  names: Lookup,
): { readonly name: string; readonly key: string | null } {
  const text = name(names);
  if (typeof text !== 'string')
    throw new ExpressionError(JSON.stringify(text), 'the name of a message must be text, not');
  const value = key?.(names) ?? null;
  const address = {
    name: text,
    key: value === null || typeof value === 'string' ? value : JSON.stringify(value),
  };
  if (text.length <= MOST_OF_AN_ADDRESS && (address.key?.length ?? 0) <= MOST_OF_AN_ADDRESS)
    return address;
  const most = String(MOST_OF_AN_ADDRESS);
  throw new ExpressionError(text.slice(0, 50), `more than ${most} characters of a name or a key`);
}

function hasKeys(record: object): boolean {
  for (const _ in record) return true;
  return false;
}
