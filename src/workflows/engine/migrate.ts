import type { CompiledFlow, CompiledNode, CompiledWorkflow } from '../definition/compiled.js';
import type { Accepted } from './decide.js';
import type { DecisionContext } from './run.js';
import { Run } from './run.js';
import { copyState, ROOT, type InstanceState, type Token } from './state.js';
import { play } from './token-game.js';

export interface MigrationProblem {
  readonly node: string;
  readonly message: string;
}

export interface Migration {
  readonly from: CompiledWorkflow;
  readonly to: CompiledWorkflow;
  /** New names of nodes; those that are not listed keep theirs. */
  readonly nodes: Readonly<Record<string, string>>;
}

/** How a history tells of it: another version cannot be decided by what the present one knows. */
export interface MigrateCommand {
  readonly type: 'migrate';
  readonly version: number;
  readonly nodes: Readonly<Record<string, string>>;
}

/**
 * Takes a running instance to another version: tokens stay where they are, under the new names, and what they wait for
 * goes on. Either everything can be taken over, or nothing is and the problems are told; a dry run is a migration whose
 * answer is not stored. The given state is not changed.
 */
export function migrate(
  migration: Migration,
  state: InstanceState,
  context: DecisionContext,
): Accepted | { readonly problems: readonly MigrationProblem[] } {
  const flows: Record<string, string> = {};
  const problems = [...state.tokens.values()].flatMap((token) => [
    ...tokenProblems(migration, state, token),
    ...joinProblems(migration, token, flows),
  ]);
  if (problems.length > 0) return { problems };
  const run = new Run(migration.to, copyState(state), context);
  run.record({ type: 'migrated', nodes: migration.nodes, flows });
  play(run);
  return { events: run.events, effects: run.effects, state: run.state };
}

const target = ({ to, nodes }: Migration, id: string): CompiledNode | undefined =>
  to.nodes.get(nodes[id] ?? id);

function tokenProblems(
  migration: Migration,
  state: InstanceState,
  token: Token,
): MigrationProblem[] {
  if (token.id === ROOT) return [];
  const before = migration.from.nodes.get(token.node);
  const after = target(migration, token.node);
  const reason =
    before && after
      ? mismatch(before, after, token) || misplaced(migration, state, token)
      : 'the other version has no such node; map it to another one';
  return reason ? [{ node: token.node, message: `${token.node}: ${reason}` }] : [];
}

function mismatch(before: CompiledNode, after: CompiledNode, { status }: Token): string {
  if (status === 'ready' || isAlike(before, after)) return '';
  return `${after.id} does not wait for the same; move the token instead`;
}

/** Its scope must have come along; those of an `each` and those that undo lie in a token of their own. */
function misplaced(migration: Migration, state: InstanceState, token: Token): string {
  const around = state.tokens.get(token.scope)?.wait?.for;
  if (token.index !== undefined || around === 'undo') return '';
  const before = migration.from.nodes.get(token.node);
  const after = target(migration, token.node);
  const isInPlace = before && after && after.scope === scopeOf(migration, before);
  return isInPlace ? '' : 'it lies in another scope there';
}

function scopeOf({ nodes }: Migration, { scope }: CompiledNode): string {
  return nodes[scope] ?? scope;
}

/** What was asked of the outside is still what the node asks for, and its events are still in their places. */
function isAlike(before: CompiledNode, after: CompiledNode): boolean {
  const kind = ({ work }: CompiledNode): string => (work.does === 'module' ? work.kind : work.does);
  const events = ({ on }: CompiledNode): string => on.map(({ outcome }) => outcome).join();
  return (
    kind(before) === kind(after) &&
    events(before) === events(after) &&
    (before.each === undefined) === (after.each === undefined)
  );
}

/** Tokens in a join need a flow of the other version on which they can be taken to have come. */
function joinProblems(
  migration: Migration,
  token: Token,
  flows: Record<string, string>,
): MigrationProblem[] {
  return Object.entries(token.joins ?? {}).flatMap(([id, { arrived }]) => {
    const after = target(migration, id);
    const incoming = migration.from.nodes.get(id)?.incoming ?? [];
    const lost = Object.keys(arrived).filter((key) => {
      const flow = incoming.find((one) => one.key === key);
      const same = flow && after?.incoming.find((one) => isSame(migration, flow, one));
      if (same) flows[key] = same.key;
      return !same;
    });
    return lost.map((key) => ({
      node: id,
      message: `${id}: the other version lacks the flow ${key}, on which a token has come to the join`,
    }));
  });
}

const isSame = ({ nodes }: Migration, before: CompiledFlow, after: CompiledFlow): boolean =>
  (nodes[before.from.id] ?? before.from.id) === after.from.id && before.on === after.on;
