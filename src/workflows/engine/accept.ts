import { caughtError, escalate, fireTimer } from './boundary.js';
import type { Rejection, WorkflowCommand } from './commands.js';
import { deliverMessage, deliverSignal } from './deliver.js';
import { extendEach } from './each.js';
import { endInstance } from './end.js';
import { failJob } from './fail.js';
import { goOn, modify, pause, resume, retry } from './operate.js';
import type { Run } from './run.js';
import { ROOT, type Token } from './state.js';
import { reconsider } from './token-game.js';
import { withdraw } from './withdraw.js';

type CommandOf<Type extends WorkflowCommand['type']> = Extract<WorkflowCommand, { type: Type }>;
type Accept<Type extends WorkflowCommand['type']> = (
  run: Run,
  command: CommandOf<Type>,
) => Rejection | undefined;

/** Begins what a command asks for; {@link play} carries it on. A rejected command has changed nothing. */
export function accept(run: Run, command: WorkflowCommand): Rejection | undefined {
  const { status } = run.state;
  if (command.type === 'start') {
    if (status !== 'new') return reject('already-started', `The instance is ${status} already.`);
  } else if (status !== 'running')
    return reject('not-running', `The instance is ${status}; nothing more can happen to it.`);
  return (accepters[command.type] as Accept<typeof command.type>)(run, command);
}

const reject = (code: Rejection['code'], message: string, field?: string): Rejection => ({
  code,
  message,
  ...(field !== undefined && { field }),
});

const accepters: { readonly [Type in WorkflowCommand['type']]: Accept<Type> } = {
  start,
  complete,
  fail: (run, command) =>
    onWaiting(run, command, ['job', 'human'], (token) => {
      failJob(run, token, command);
    }),
  fire_timer: (run, { token: id, timer }) => {
    const token = run.state.tokens.get(id);
    if (token?.timers?.[timer] === undefined)
      return reject('unknown-timer', `Token ${id} has no timer ${timer} any more.`);
    run.guard(token, () => {
      fireTimer(run, token, timer);
    });
    return undefined;
  },
  message: deliverMessage,
  signal: deliverSignal,
  child_ended: childEnded,
  child_escalated: (run, command) =>
    onWaiting(run, command, ['child'], (token) => {
      escalate(run, token, command.code, command.data ?? null);
    }),
  cancel: (run, { token: id }) => {
    if (id === undefined) {
      endInstance(run, 'cancelled', 'cancelled');
      return undefined;
    }
    return onToken(run, id, (token) => {
      withdraw(run, [token]);
    });
  },
  pause,
  resume,
  retry,
  modify,
  set_variables: (run, { variables }) => {
    run.record({ type: 'variables_set', variables });
    reconsider(run);
    return undefined;
  },
  reconsider: (run) => {
    reconsider(run);
    goOn(run);
    return undefined;
  },
  extend: (run, { token: id, items, count }) => {
    const token = run.state.tokens.get(id);
    if (!token?.each || !run.node(token).draft.each?.dynamic)
      return reject('not-extensible', `Token ${id} is not at a node that takes more.`, 'token');
    extendEach(run, token, items, items?.length ?? count ?? 1);
    return undefined;
  },
};

function start(run: Run, command: CommandOf<'start'>): Rejection | undefined {
  const { variables = {}, node: id, data } = command;
  const starts = run.workflow.starts.get('') ?? [];
  const plain = starts.filter(({ draft }) => !hasTrigger(draft));
  const declared = starts.some(({ draft }) => draft.type === 'start');
  const chosen =
    id === undefined ? (declared ? plain.slice(0, 1) : plain) : starts.filter((s) => s.id === id);
  if (chosen.length === 0)
    return reject('no-start', `The workflow has no start node ${id ?? 'that needs no trigger'}.`);
  run.record({ type: 'started', variables });
  for (const node of chosen)
    if (data === undefined) run.add(node, ROOT);
    else run.finish(run.token(run.place(node, ROOT)), node.outcomes[0] ?? 'done', data);
  return undefined;
}

const hasTrigger = (draft: object): boolean =>
  'message' in draft || 'timer' in draft || 'criterion' in draft;

function complete(run: Run, command: CommandOf<'complete'>): Rejection | undefined {
  const { token: id, outcome, result = null } = command;
  const token = run.state.tokens.get(id);
  const node = token && run.workflow.nodes.get(token.node);
  const ending = outcome ?? node?.outcomes[0] ?? 'done';
  if (node && !node.outcomes.includes(ending))
    return reject(
      'wrong-outcome',
      `"${ending}" is no outcome of ${node.id}: it may be ${node.outcomes.join(', ')}.`,
    );
  return onWaiting(run, command, ['job', 'human'], (waiting) => {
    run.finish(waiting, ending, result);
  });
}

function childEnded(run: Run, command: CommandOf<'child_ended'>): Rejection | undefined {
  const { status, outcome, result = null, error } = command;
  return onWaiting(run, command, ['child'], (token) => {
    const { outcomes } = run.node(token);
    const [first = 'done'] = outcomes;
    if (status === 'completed') {
      const known = outcome !== undefined && outcomes.includes(outcome);
      run.finish(token, known ? outcome : first, result);
      return;
    }
    const thrown = error ?? {
      code: `child-${status}`,
      message: `The workflow called is ${status}`,
    };
    if (!caughtError(run, token, thrown)) run.stick(token, thrown.code, thrown.message);
  });
}

function onToken(run: Run, id: number, work: (token: Token) => void): Rejection | undefined {
  const token = id === ROOT ? undefined : run.state.tokens.get(id);
  if (!token) return reject('unknown-token', `There is no token ${id} any more.`, 'token');
  work(token);
  return undefined;
}

interface Addressed {
  readonly token: number;
  readonly attempt?: number;
}

/** Does something to a token that waits for one of these, if it still does, and for this attempt. */
function onWaiting(
  run: Run,
  { token: id, attempt }: Addressed,
  kinds: readonly string[],
  work: (token: Token) => void,
): Rejection | undefined {
  const token = run.state.tokens.get(id);
  if (!token) return onToken(run, id, work);
  const kind = token.status === 'waiting' ? (token.wait?.for ?? 'nothing') : token.status;
  if (!kinds.includes(kind))
    return reject('not-waiting', `Token ${id} at ${token.node} waits for ${kind}.`);
  if (attempt !== undefined && attempt !== token.attempt)
    return reject('stale-attempt', `Token ${id} is at attempt ${token.attempt ?? 0} by now.`);
  work(token);
  return undefined;
}
