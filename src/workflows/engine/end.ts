import type { Json } from '../definition/json.js';
import { caughtError, type Thrown } from './boundary.js';
import type { Run } from './run.js';
import { ROOT, type Token } from './state.js';
import { withdraw, withdrawInside } from './withdraw.js';

type Status = 'completed' | 'failed' | 'cancelled';

/** Ends the instance, and with it everything that it still waits for. */
export function endInstance(run: Run, status: Status, outcome: string, error?: Thrown): void {
  withdrawInside(run, run.token(ROOT));
  run.record({ type: 'ended', status, outcome, ...(error && { error }) });
  run.ask({
    type: 'end_instance',
    status,
    outcome,
    variables: { ...run.state.variables },
    ...(error && { error }),
  });
}

/** A token at an end node: the last one of a scope ends the scope, `terminate` ends all others there. */
export function reachEnd(run: Run, token: Token): void {
  const { draft } = run.node(token);
  if (draft.type === 'end' && draft.terminate) {
    const others = [...run.state.tokens.values()].filter(
      ({ id, scope }) => scope === token.scope && id !== token.id,
    );
    withdraw(run, others);
    clearJoins(run, token.scope);
  }
  run.finish(token, 'done', null);
}

function clearJoins(run: Run, scope: number): void {
  for (const node of Object.keys(run.token(scope).joins ?? {}))
    run.record({ type: 'join_changed', scope, node, join: null });
}

/** An error that nothing around takes fails the instance. */
export function throwError(run: Run, token: Token, error: Thrown): void {
  const around = run.token(token.scope);
  if (!caughtError(run, around, error)) endInstance(run, 'failed', error.code, error);
}

/** What is thrown is text, whatever the expression gave. */
export const textOf = (value: Json): string =>
  typeof value === 'string' ? value : JSON.stringify(value);
