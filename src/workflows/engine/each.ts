import { ExpressionError, type Lookup } from '../definition/expression.js';
import type { Json } from '../definition/json.js';
import { activate } from './activate.js';
import { passOn } from './finish.js';
import type { Run } from './run.js';
import type { EachState, Token } from './state.js';

const MOST = 100_000;

/** A node is to be done many times: a token for each is put inside of this one. Throws ExpressionError. */
export function startEach(run: Run, token: Token): void {
  const { items, total } = amount(run, token);
  const { each } = run.node(token).draft;
  activate(run, token, { for: 'each' });
  const started = { type: 'each_started', token: token.id, total } as const;
  run.record(items ? { ...started, items } : started);
  if (each?.await === 'none') passOn(run, token, wholeOutcome(run, token), null);
  if (total === 0) run.queue({ do: 'close', token: token.id });
  else spawn(run, token);
}

function amount(run: Run, token: Token): { items?: Json[]; total: number } {
  const { each } = run.node(token);
  const names = run.names(token);
  if (each?.items) {
    const items = each.items(names) ?? [];
    if (!Array.isArray(items)) throw new ExpressionError('each.items', 'there is no list');
    return { items, total: checked(items.length) };
  }
  return { total: checked(each?.count?.(names) ?? 0) };
}

function checked(total: Json): number {
  if (typeof total === 'number' && Number.isInteger(total) && total >= 0 && total <= MOST)
    return total;
  throw new ExpressionError('each', `${JSON.stringify(total)} is no number from 0 to ${MOST}`);
}

/** Starts what may be started: all that are left, or the next one when they come one after the other. */
function spawn(run: Run, token: Token): void {
  const each = eachOf(token);
  const left = each.total - each.started;
  const isSequential = run.node(token).draft.each?.mode === 'sequential';
  const count = isSequential ? Math.min(left, 1) : left;
  if (count === 0) return;
  const first = run.state.next;
  run.record({ type: 'each_spawned', token: token.id, first, count });
  run.allow(count);
  for (let i = 0; i < count; i += 1) run.queue({ do: 'step', token: first + i });
}

/** More have been asked for while some still run. */
export function extendEach(run: Run, token: Token, items: Json[] | undefined, count: number): void {
  const extended = { type: 'each_extended', token: token.id, count } as const;
  run.record(items ? { ...extended, items } : extended);
  if (token.live === 0 || run.node(token).draft.each?.mode !== 'sequential') spawn(run, token);
}

/** One of many is done or gone: the whole is done, the next one starts, or nothing. */
export function tally(run: Run, token: Token): void {
  const each = eachOf(token);
  const isOver = token.live === 0 && each.started >= each.total;
  if (each.passed) {
    if (isOver) run.finish(token, wholeOutcome(run, token), null);
    else if (token.live === 0) spawn(run, token);
    return;
  }
  run.guard(token, () => {
    if (isOver) run.finish(token, wholeOutcome(run, token), null);
    else if (isEnough(run, token, each)) stopEarly(run, token);
    else if (token.live === 0) spawn(run, token);
  });
}

function isEnough(run: Run, token: Token, { done }: EachState): boolean {
  const node = run.node(token);
  const wanted = node.draft.each?.await;
  if (typeof wanted === 'number' && done >= wanted) return true;
  return node.each?.completeWhen?.(counts(run, token)) ?? false;
}

function stopEarly(run: Run, token: Token): void {
  const outcome = wholeOutcome(run, token);
  if (run.node(token).draft.each?.rest === 'absorb') passOn(run, token, outcome, null);
  else run.finish(token, outcome, null);
}

/** The outcome of the whole: computed, or else the one that all share, or else the first one. */
function wholeOutcome(run: Run, token: Token): string {
  const node = run.node(token);
  const { outcomes } = eachOf(token);
  if (node.each?.outcome) {
    const outcome = node.each.outcome(counts(run, token));
    if (typeof outcome === 'string' && node.outcomes.includes(outcome)) return outcome;
    throw new ExpressionError('each.outcome', `${JSON.stringify(outcome)} is no outcome of it`);
  }
  const [shared, ...more] = Object.keys(outcomes);
  const [first = 'done'] = node.outcomes;
  return shared !== undefined && more.length === 0 ? shared : first;
}

/** What the expressions of an `each` can count: every outcome is there, also when nobody has reported it. */
function counts(run: Run, token: Token): Lookup {
  const { done, total, outcomes } = eachOf(token);
  const none = Object.fromEntries(run.node(token).outcomes.map((outcome) => [outcome, 0]));
  return run.names(token, { done, total, outcomes: { ...none, ...outcomes } });
}

function eachOf(token: Token): EachState {
  if (token.each) return token.each;
  throw new Error(`Token ${token.id} is not one of many`);
}
