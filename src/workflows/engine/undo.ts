import type { Run } from './run.js';
import type { Token } from './state.js';
import { activate } from './activate.js';

/** Undoes what was done in the scope of a token, last first, one after the other. */
export function startUndo(run: Run, token: Token, what: string | true): void {
  const done = run.token(token.scope).undo ?? [];
  const wanted = what === true ? undefined : run.nodeNamed(what).draft.compensate;
  const nodes = done.filter((node) => wanted === undefined || node === wanted).reverse();
  activate(run, token, { for: 'undo' });
  run.record({ type: 'undo_started', token: token.id, nodes });
  undoNext(run, token);
}

/** Goes on with the next one to undo, and on from the token when there is none. */
export function undoNext(run: Run, token: Token): void {
  const [next] = token.undoing ?? [];
  if (next === undefined) {
    run.finish(token, run.node(token).outcomes[0] ?? 'done', null);
    return;
  }
  run.record({ type: 'undo_next', token: token.id });
  run.add(run.nodeNamed(next), token.id);
}
