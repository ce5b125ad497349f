import type { Rejection, WorkflowCommand } from './commands.js';
import type { Run } from './run.js';
import { ROOT, type Token } from './state.js';
import { withdraw } from './withdraw.js';

type CommandOf<Type extends WorkflowCommand['type']> = Extract<WorkflowCommand, { type: Type }>;

/** Nothing begins any more; what is under way may end, and goes on after the resume. */
export function pause(run: Run, { node }: CommandOf<'pause'>): Rejection | undefined {
  if (node !== undefined && !run.workflow.nodes.has(node)) return unknownNode(node, 'node');
  const isPaused = node === undefined ? run.state.paused : run.state.pausedNodes.includes(node);
  if (!isPaused) run.record({ type: 'paused', ...(node !== undefined && { node }) });
  return undefined;
}

export function resume(run: Run, { node }: CommandOf<'resume'>): Rejection | undefined {
  if (node !== undefined && !run.workflow.nodes.has(node)) return unknownNode(node, 'node');
  run.record({ type: 'resumed', ...(node !== undefined && { node }) });
  goOn(run);
  return undefined;
}

/** Steps every token that a pause has held, unless another one still does. */
export function goOn(run: Run): void {
  for (const { id, status } of run.state.tokens.values())
    if (status === 'ready') run.queue({ do: 'step', token: id });
}

const unknownNode = (node: string, field: string): Rejection => ({
  code: 'unknown-node',
  message: `The workflow has no node ${node}.`,
  field,
});

export function retry(run: Run, { token: id }: CommandOf<'retry'>): Rejection | undefined {
  const all = id === undefined ? [...run.state.tokens.values()] : [run.state.tokens.get(id)];
  const stuck = all.filter((token) => token?.status === 'incident');
  if (stuck.length === 0)
    return {
      code: 'no-incident',
      message: 'There is no incident that could be tried again.',
      ...(id !== undefined && { field: 'token' }),
    };
  for (const token of stuck) if (token) tryAgain(run, token);
  return undefined;
}

/** Goes on from where it failed: the node anew, or what follows its outcome, or the wait for the tokens inside. */
function tryAgain(run: Run, token: Token): void {
  const { pending } = token;
  run.record({ type: 'incident_resolved', token: token.id });
  run.ask({ type: 'resolve_incident', token: token.id, node: token.node });
  if (pending) run.queue({ do: 'finish', token: token.id, ending: pending });
  else if (token.status === 'waiting') run.queue({ do: 'close', token: token.id });
  else run.queue({ do: 'step', token: token.id });
}

/** Moves a token within its scope; what lay in it or was under way is withdrawn. */
export function modify(run: Run, { token: id, to }: CommandOf<'modify'>): Rejection | undefined {
  if (id === undefined) return put(run, to, ROOT, '');
  const token = id === ROOT ? undefined : run.state.tokens.get(id);
  if (!token)
    return {
      code: 'unknown-token',
      message: `There is no token ${id} that could be moved.`,
      field: 'token',
    };
  if (token.index !== undefined)
    return {
      code: 'unknown-node',
      message: `Token ${id} is one of many: move the whole instead.`,
      field: 'token',
    };
  const rejection = put(run, to, token.scope, run.node(token).scope);
  if (!rejection) withdraw(run, [token]);
  return rejection;
}

/** Puts a token at a node; an incident of the scope, such as a deadlock, is tried again with it. */
function put(run: Run, to: string, scope: number, inside: string): Rejection | undefined {
  const node = run.workflow.nodes.get(to);
  if (node?.scope !== inside)
    return {
      code: 'unknown-node',
      message: `There is no node ${to} in ${inside === '' ? 'the outermost scope' : inside}.`,
      field: 'to',
    };
  run.add(node, scope);
  const around = run.token(scope);
  if (around.status === 'incident') tryAgain(run, around);
  return undefined;
}
