import type { CompiledNode, Work } from '../definition/compiled.js';
import { ExpressionError } from '../definition/expression.js';
import { isJsonObject, type Json, memberOf } from '../definition/json.js';
import { activate, addressOf, subscriptionOf } from './activate.js';
import { escalate } from './boundary.js';
import { awaitCriteria } from './criteria.js';
import { startEach } from './each.js';
import { reachEnd, textOf, throwError } from './end.js';
import { mayBegin } from './gates.js';
import type { Run } from './run.js';
import type { Token } from './state.js';
import { startUndo } from './undo.js';

/** Lets a token begin at its node: it is through at once, or waits. A paused one stays ready. */
export function step(run: Run, id: number): void {
  const token = run.state.tokens.get(id);
  if (token?.status !== 'ready') return;
  if (run.isPaused(token.node)) return;
  if (!run.spend()) {
    const message = `The workflow has gone on for too many steps without waiting, and stopped at ${token.node}: put a wait or a task into the loop, then retry`;
    run.stick(token, 'step-budget', message);
    return;
  }
  run.guard(token, () => {
    if (!mayBegin(run, token)) return;
    const node = run.node(token);
    if (node.each && token.index === undefined) startEach(run, token);
    else begin(run, token, node);
  });
}

type Doers = {
  readonly [Does in Work['does']]: (
    run: Run,
    token: Token,
    node: CompiledNode,
    work: Extract<Work, { does: Does }>,
  ) => void;
};

function begin(run: Run, token: Token, node: CompiledNode): void {
  const doer = doers[node.work.does] as (...args: unknown[]) => void;
  doer(run, token, node, node.work);
}

const done = (run: Run, token: Token, node: CompiledNode, result: Json): void => {
  run.finish(token, node.outcomes[0] ?? 'done', result);
};

/** One entry for each thing that a node can do; this is the list of what the engine knows. */
const doers: Doers = {
  pass: (run, token, node) => {
    done(run, token, node, null);
  },
  end: reachEnd,
  set: (run, token, node, { values }) => {
    done(run, token, node, values(run.names(token)));
  },
  decide: (run, token, node, { table }) => {
    const result = table(run.names(token));
    const [first = 'done'] = node.outcomes;
    run.finish(token, decided(result, node) ?? first, result);
  },
  module: beginModule,
  timer: (run, token, _node, { timer }) => {
    const timers = { wait: timer(run.names(token), run.now) };
    activate(run, token, { for: 'timer' }, { timers });
  },
  message: awaitNews,
  signal: awaitNews,
  condition: (run, token, node, { holds }) => {
    if (holds(run.names(token))) done(run, token, node, null);
    else activate(run, token, { for: 'condition' });
  },
  criteria: (run, token, _node, work) => {
    awaitCriteria(run, token, work);
  },
  send: (run, token, node, { what, to, data }) => {
    const names = run.names(token);
    const address = addressOf(to, names);
    const type = what === 'message' ? 'emit_message' : 'emit_signal';
    run.ask({ type, token: token.id, node: node.id, ...address, data: data(names) });
    done(run, token, node, null);
  },
  throw: (run, token, node, { what, code, detail }) => {
    const names = run.names(token);
    const text = textOf(code(names));
    if (what === 'error') {
      const message = detail(names);
      throwError(run, token, { code: text, message: message === null ? text : textOf(message) });
      return;
    }
    escalate(run, token, text, detail(names));
    done(run, token, node, null);
  },
  compensate: (run, token, _node, work) => {
    startUndo(run, token, work.node);
  },
  call: (run, token, node, work) => {
    const names = run.names(token);
    const workflow = work.workflow(names);
    if (typeof workflow !== 'string')
      throw new ExpressionError(`${node.id}.call.workflow`, 'there is no key of a workflow');
    const input = work.input(names);
    activate(run, token, { for: 'child', name: workflow });
    const { attempt = 1 } = token;
    run.ask({ type: 'start_child', token: token.id, node: node.id, attempt, workflow, input });
  },
  scope: (run, token, node) => {
    const starts = run.workflow.starts.get(node.id) ?? [];
    activate(run, token, { for: 'tokens' });
    for (const start of starts) run.add(start, token.id);
    if (starts.length === 0) run.queue({ do: 'close', token: token.id });
  },
};

/** A rule may name the outcome, so that a table is also a choice. */
function decided(result: Json, { outcomes }: CompiledNode): string | undefined {
  const outcome = memberOf(result, 'outcome');
  return typeof outcome === 'string' && outcomes.includes(outcome) ? outcome : undefined;
}

function beginModule(
  run: Run,
  token: Token,
  node: CompiledNode,
  { kind, config }: Extract<Work, { does: 'module' }>,
): void {
  const names = run.names(token);
  const input = config(names);
  if (kind === 'human') expectPeople(node, input);
  const due = node.due && { due: new Date(node.due(names, run.now)) };
  activate(run, token, kind === 'human' ? { for: 'human' } : { for: 'job', name: kind });
  const { attempt = 1 } = token;
  const of = { token: token.id, node: node.id, attempt, ...due };
  if (kind === 'human')
    run.ask({ type: 'create_user_task', ...of, outcomes: node.outcomes, task: input });
  else run.ask({ type: 'create_job', ...of, kind, input });
}

/**
 * A task for nobody in particular is for everybody. So where people are meant, and an expression found none, it must
 * not begin. Throws ExpressionError.
 */
function expectPeople({ id }: CompiledNode, config: Json): void {
  if (!isJsonObject(config)) return;
  const { roles, users } = config;
  if (roles === undefined && users === undefined) return;
  const names = [roles, users].flat().filter((name) => typeof name === 'string' && name !== '');
  if (names.length === 0) throw new ExpressionError(`${id}.config`, 'roles and users name nobody');
}

function awaitNews(
  run: Run,
  token: Token,
  _node: CompiledNode,
  { does, from }: Extract<Work, { does: 'message' | 'signal' }>,
): void {
  const subscriptions = { wait: subscriptionOf(does, from, run.names(token)) };
  activate(run, token, { for: does }, { subscriptions });
}
