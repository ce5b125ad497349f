import type { Expression, Lookup } from './expression.js';
import type { NodeDraft, WorkflowDraft } from './draft.js';
import type { Decide } from './decision-table.js';
import type { Timer } from './timer.js';

/** A published definition, made ready to run. It holds no state, so one serves any number of instances. */
export interface CompiledWorkflow {
  readonly key: string;
  readonly draft: WorkflowDraft;
  readonly nodes: ReadonlyMap<string, CompiledNode>;
  /** Where a scope begins: its start nodes, or else the nodes that no flow leads to. '' is the whole workflow. */
  readonly starts: ReadonlyMap<string, readonly CompiledNode[]>;
  /** Some join is `sync`, so resting tokens must be looked at. */
  readonly hasSync: boolean;
  /** Some node waits for a condition or a milestone, so these must be looked at when anything changes. */
  readonly hasConditions: boolean;
}

export interface CompiledFlow {
  /** Names the flow in stored joins: its id, or else its ends. */
  readonly key: string;
  readonly on: string | undefined;
  readonly when: Condition | undefined;
  readonly otherwise: boolean;
  readonly from: CompiledNode;
  readonly to: CompiledNode;
}

export interface CompiledNode {
  readonly id: string;
  /** Position in the definition; ties are broken by it. */
  readonly index: number;
  readonly draft: NodeDraft;
  readonly scope: string;
  /** What may be reported; outcomes of boundary events are not among them. */
  readonly outcomes: readonly string[];
  readonly outgoing: ReadonlyMap<string, Outgoing>;
  readonly incoming: readonly CompiledFlow[];
  readonly join: CompiledJoin;
  readonly each: CompiledEach | undefined;
  readonly on: readonly CompiledBoundary[];
  readonly output: readonly (readonly [variable: string, value: Expression])[] | undefined;
  readonly milestone: Milestone | undefined;
  readonly due: Timer | undefined;
  readonly work: Work;
}

/** What follows one outcome. */
export interface Outgoing {
  readonly split: 'one' | 'many' | 'all' | 'event';
  readonly flows: readonly CompiledFlow[];
}

export interface CompiledJoin {
  readonly mode: 'each' | 'all' | 'n' | 'sync';
  /** Different incoming flows that it takes to go on. */
  readonly n: number;
  readonly rest: 'absorb' | 'cancel' | 'block';
  /** Nodes from which a token can still come here without passing here; for `sync` and for `cancel`. */
  readonly upstream: ReadonlySet<string>;
}

export interface CompiledEach {
  readonly items: Expression | undefined;
  readonly count: Expression | undefined;
  readonly completeWhen: Condition | undefined;
  readonly outcome: Expression | undefined;
}

export interface CompiledBoundary {
  readonly outcome: string;
  readonly interrupting: boolean;
  /** Times that a timer fires after the first one. */
  readonly repeat: number;
  readonly timer: Timer | undefined;
  readonly message: Correlation | undefined;
  readonly signal: Correlation | undefined;
  readonly condition: Condition | undefined;
  readonly error: string | true | undefined;
  readonly escalation: string | true | undefined;
}

export interface Correlation {
  readonly name: Expression;
  readonly key: Expression | undefined;
}

export interface CompiledCriterion {
  readonly signal: Correlation;
  readonly holds: Condition;
  readonly ttl: Timer | undefined;
}

export type Condition = (lookup: Lookup) => boolean;
export type Milestone = { readonly at: string } | { readonly holds: Condition };

/** What a node does, by its type and kind. */
export type Work =
  | { readonly does: 'pass' }
  | { readonly does: 'end' }
  | { readonly does: 'set'; readonly values: Expression }
  | { readonly does: 'decide'; readonly table: Decide }
  | { readonly does: 'module'; readonly kind: string; readonly config: Expression }
  | { readonly does: 'timer'; readonly timer: Timer }
  | { readonly does: 'message' | 'signal'; readonly from: Correlation }
  | { readonly does: 'condition'; readonly holds: Condition }
  | {
      readonly does: 'criteria';
      readonly criteria: readonly CompiledCriterion[];
      readonly need: number;
    }
  | {
      readonly does: 'send';
      readonly what: 'message' | 'signal';
      readonly to: Correlation;
      readonly data: Expression;
    }
  | {
      readonly does: 'throw';
      readonly what: 'error' | 'escalation';
      readonly code: Expression;
      readonly detail: Expression;
    }
  | { readonly does: 'compensate'; readonly node: string | true }
  | { readonly does: 'call'; readonly workflow: Expression; readonly input: Expression }
  | { readonly does: 'scope' };
