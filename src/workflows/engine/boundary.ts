import type { CompiledBoundary } from '../definition/compiled.js';
import type { Json } from '../definition/json.js';
import { boundaryOf, boundarySlot } from './activate.js';
import { follow } from './finish.js';
import type { Run } from './run.js';
import type { Token } from './state.js';
import { withdrawInside } from './withdraw.js';

/** A boundary event happens: its flows are taken, instead of those of the node or beside them. */
export function trigger(run: Run, token: Token, event: CompiledBoundary, result: Json): void {
  if (event.interrupting) {
    withdrawInside(run, token);
    run.cancelWork(token);
    if (token.incident) run.ask({ type: 'resolve_incident', token: token.id, node: token.node });
    run.finish(token, event.outcome, result);
    return;
  }
  const outgoing = run.node(token).outgoing.get(event.outcome);
  if (outgoing) follow(run, outgoing.flows, token.scope, outgoing.split);
}

/** A timer of a token has fired: that of its node, of a further attempt, or of a boundary event. */
export function fireTimer(run: Run, token: Token, timer: string): void {
  run.record({ type: 'timer_fired', token: token.id, timer });
  const boundary = boundaryOf(run.node(token), timer);
  if (boundary) {
    trigger(run, token, boundary.event, null);
    repeatTimer(run, token, boundary);
    return;
  }
  if (timer === 'retry') {
    run.record({ type: 'token_released', token: token.id });
    run.queue({ do: 'step', token: token.id });
    return;
  }
  run.finish(token, run.node(token).outcomes[0] ?? 'done', null);
}

function repeatTimer(
  run: Run,
  token: Token,
  { event, index }: { readonly event: CompiledBoundary; readonly index: number },
): void {
  const timer = boundarySlot(index);
  const fired = token.fired?.[timer] ?? 0;
  if (event.interrupting || !event.timer || fired > event.repeat) return;
  const at = event.timer(run.names(token), run.now);
  run.record({ type: 'timer_set', token: token.id, timer, at });
  run.ask({ type: 'schedule_timer', token: token.id, timer, at: new Date(at) });
}

/** The nearest token around that takes an error or an escalation, from `token` itself outwards. */
function catcherOf(
  run: Run,
  from: Token,
  what: 'error' | 'escalation',
  code: string,
): { readonly token: Token; readonly event: CompiledBoundary } | undefined {
  for (let token: Token | undefined = from; token; token = run.state.tokens.get(token.scope)) {
    const node = run.workflow.nodes.get(token.node);
    if (!node || token.index !== undefined) continue;
    const event = node.on.find((one) => one[what] === true || one[what] === code);
    if (event) return { token, event };
  }
  return undefined;
}

export interface Thrown {
  readonly code: string;
  readonly message: string;
}

/** Gives an error to whoever around takes it; false when nobody does, and nothing has happened. */
export function caughtError(run: Run, from: Token, error: Thrown): boolean {
  const catcher = catcherOf(run, from, 'error', error.code);
  if (!catcher) return false;
  trigger(run, catcher.token, catcher.event, { ...error });
  return true;
}

/** Gives an escalation to whoever around takes it, or else to the outside. */
export function escalate(run: Run, from: Token, code: string, data: Json): void {
  const catcher = catcherOf(run, from, 'escalation', code);
  if (catcher) trigger(run, catcher.token, catcher.event, data);
  else run.ask({ type: 'escalate', token: from.id, node: from.node, code, data });
}
