import type { CompiledWorkflow } from '../definition/compiled.js';
import { accept } from './accept.js';
import type { Rejection, WorkflowCommand } from './commands.js';
import type { Effect } from './effects.js';
import type { WorkflowEvent } from './events.js';
import { Run, type DecisionContext } from './run.js';
import { copyState, type InstanceState } from './state.js';
import { play } from './token-game.js';

export type Decision = Accepted | { readonly rejection: Rejection };

export interface Accepted {
  readonly events: readonly WorkflowEvent[];
  readonly effects: readonly Effect[];
  /** The state after the events. */
  readonly state: InstanceState;
}

/**
 * What a command makes of an instance: everything that goes on by itself, up to the next waits. Time and config are
 * given, ids are counted in the state, so the same input gives the same answer. The given state is not changed.
 * An expression that fails is an incident among the events, never an exception.
 */
export function decide(
  workflow: CompiledWorkflow,
  state: InstanceState,
  command: WorkflowCommand,
  context: DecisionContext,
): Decision {
  return advance(workflow, copyState(state), command, context);
}

/**
 * {@link decide} for whoever owns the state, such as a batch of commands to one instance: the state is advanced in
 * place, so that a step costs the same however many tokens there are. A rejection has not touched it; after an
 * exception, which is a mistake of the engine, it is to be thrown away.
 */
export function advance(
  workflow: CompiledWorkflow,
  state: InstanceState,
  command: WorkflowCommand,
  context: DecisionContext,
): Decision {
  const run = new Run(workflow, state, context);
  const rejection = accept(run, command);
  if (rejection) return { rejection };
  play(run);
  return { events: run.events, effects: run.effects, state };
}
