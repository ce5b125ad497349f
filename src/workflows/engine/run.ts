import type { CompiledNode, CompiledWorkflow } from '../definition/compiled.js';
import { ExpressionError, type Lookup } from '../definition/expression.js';
import type { Json, JsonObject } from '../definition/json.js';
import type { Effect } from './effects.js';
import type { WorkflowEvent } from './events.js';
import { evolve } from './evolve.js';
import type { Ending, InstanceState, Race, Token } from './state.js';

/** What a decision may know of the world. */
export interface DecisionContext {
  readonly now: Date;
  /** Values of the workflow's config, defaults filled in. */
  readonly config: JsonObject;
  /** What expressions read as `instance`, such as its id and its business key. */
  readonly instance?: JsonObject;
  /** Of the workflow as a whole, beside those of the instance. */
  readonly pause?: Pause;
  /** Nodes that may be stepped in one decision before it counts as a loop without a wait; default 1,000. */
  readonly budget?: number;
  /** Asked at every step; when it is true, the decision ends with {@link OutOfTime}. */
  readonly isOverdue?: () => boolean;
}

/** There is no more time for a decision; the state is half done and of no use but to be looked at. */
export class OutOfTime extends Error {}

/** Where nothing begins. */
export interface Pause {
  readonly everywhere: boolean;
  readonly nodes: readonly string[];
}

const BUDGET = 1_000;

/** What is still to be done in this decision. */
export type Move =
  | { readonly do: 'step'; readonly token: number }
  | { readonly do: 'finish'; readonly token: number; readonly ending: Ending }
  /** A token inside is gone, so the one around it may be through. */
  | { readonly do: 'close'; readonly token: number };

/** One decision under way: it advances the state event by event, and gathers what comes out. */
export class Run {
  readonly events: WorkflowEvent[] = [];
  readonly effects: Effect[] = [];
  readonly now: number;
  readonly #moves: Move[] = [];
  #next = 0;
  #budget: number;
  readonly #instance: JsonObject;

  constructor(
    readonly workflow: CompiledWorkflow,
    readonly state: InstanceState,
    readonly context: DecisionContext,
  ) {
    this.now = context.now.getTime();
    this.#budget = context.budget ?? BUDGET;
    this.#instance = context.instance ?? {};
  }

  record(event: WorkflowEvent): void {
    this.events.push(event);
    evolve(this.state, event);
  }

  ask(effect: Effect): void {
    this.effects.push(effect);
  }

  queue(move: Move): void {
    this.#moves.push(move);
  }

  nextMove(): Move | undefined {
    const move = this.#moves[this.#next];
    if (move === undefined) {
      this.#moves.length = 0;
      this.#next = 0;
    } else this.#next += 1;
    return move;
  }

  get hasMoves(): boolean {
    return this.#moves.length > this.#next;
  }

  /** Counts one step; false when this decision has made too many. Throws {@link OutOfTime}. */
  spend(): boolean {
    if (this.context.isOverdue?.()) throw new OutOfTime();
    this.#budget -= 1;
    return this.#budget >= 0;
  }

  /** More work that is bounded by what it was asked for, such as the items of a list. */
  allow(steps: number): void {
    this.#budget += steps;
  }

  /** Nothing may begin at the node just now. */
  isPaused(node: string): boolean {
    const { paused, pausedNodes } = this.state;
    if (paused || pausedNodes.includes(node)) return true;
    const { pause } = this.context;
    return pause !== undefined && (pause.everywhere || pause.nodes.includes(node));
  }

  token(id: number): Token {
    const token = this.state.tokens.get(id);
    if (!token) throw new Error(`There is no token ${id}`);
    return token;
  }

  node(token: Token): CompiledNode {
    return this.nodeNamed(token.node);
  }

  nodeNamed(id: string): CompiledNode {
    const node = this.workflow.nodes.get(id);
    if (!node) throw new Error(`The workflow has no node ${id}`);
    return node;
  }

  /** A new token before a node, to be stepped. */
  add(node: CompiledNode, scope: number, race?: Race): number {
    const token = this.place(node, scope, race);
    this.queue({ do: 'step', token });
    return token;
  }

  /** A new token at a node. */
  place(node: CompiledNode, scope: number, race?: Race): number {
    const token = this.state.next;
    const added = { type: 'token_added', token, node: node.id, scope } as const;
    this.record(race ? { ...added, race } : added);
    return token;
  }

  finish(token: Token, outcome: string, result: Json): void {
    this.queue({ do: 'finish', token: token.id, ending: { outcome, result } });
  }

  /** Stops a token with an incident. With `pending`, a retry goes on from there instead of doing the node again. */
  stick(token: Token, code: string, message: string, pending?: Ending): void {
    const incident = { code, message };
    const raised = {
      type: 'incident_raised',
      token: token.id,
      node: token.node,
      incident,
    } as const;
    this.record(pending ? { ...raised, pending } : raised);
    this.ask({ type: 'raise_incident', token: token.id, node: token.node, incident });
  }

  /** Tells the outside that a job, a user task or a child is of no use any more. */
  cancelWork({ id: token, node, wait, attempt = 1 }: Token): void {
    const of = { token, node, attempt };
    if (wait?.for === 'job') this.ask({ type: 'cancel_job', ...of });
    else if (wait?.for === 'human') this.ask({ type: 'cancel_user_task', ...of });
    else if (wait?.for === 'child') this.ask({ type: 'cancel_child', ...of });
  }

  /**
   * Does what may evaluate expressions; what fails of these becomes an incident of the token. Unless its work is done,
   * as `pending` tells, a retry asks for it anew, so what was asked for is cancelled.
   */
  guard(token: Token, work: () => void, pending?: Ending): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      if (!pending) this.cancelWork(token);
      this.stick(token, 'expression-failed', error.message, pending);
    }
  }

  /** The names that an expression of a token may use: `extra` first, then the engine's own, then variables. */
  names(token: Token, extra?: Readonly<Record<string, Json>>): Lookup {
    return (name) => {
      if (extra && Object.hasOwn(extra, name)) return extra[name];
      const own = this.#ownName(token, name);
      if (own !== undefined) return own;
      const { variables } = this.state;
      return Object.hasOwn(variables, name) ? variables[name] : undefined;
    };
  }

  #ownName(token: Token, name: string): unknown {
    switch (name) {
      case 'config':
        return this.context.config;
      case 'now':
        return this.context.now;
      case 'instance':
        return this.#instance;
      case 'item':
        return this.#item(token)?.item;
      case 'index':
        return this.#item(token)?.index;
      default:
        return undefined;
    }
  }

  /** The innermost `each` that a token lies in. */
  #item(token: Token): { item: Json | undefined; index: number } | undefined {
    for (let at: Token | undefined = token; at; at = this.state.tokens.get(at.scope))
      if (at.index !== undefined) {
        const each = this.state.tokens.get(at.scope)?.each;
        return { item: each?.items?.[at.index], index: at.index };
      }
    return undefined;
  }
}
