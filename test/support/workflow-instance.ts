import { compileWorkflow } from '../../src/workflows/definition/compile.js';
import type { CompiledWorkflow } from '../../src/workflows/definition/compiled.js';
import { type WorkflowDraft, workflowDraft } from '../../src/workflows/definition/draft.js';
import type { JsonObject } from '../../src/workflows/definition/json.js';
import type { Rejection, WorkflowCommand } from '../../src/workflows/engine/commands.js';
import { decide } from '../../src/workflows/engine/decide.js';
import type { Effect } from '../../src/workflows/engine/effects.js';
import type { WorkflowEvent } from '../../src/workflows/engine/events.js';
import { evolve } from '../../src/workflows/engine/evolve.js';
import type { Pause } from '../../src/workflows/engine/run.js';
import {
  newInstance,
  restoreState,
  storeState,
  type InstanceState,
  type Token,
} from '../../src/workflows/engine/state.js';

/** A workflow of nodes and `from>to` or `from[outcome]>to?condition` flows. */
export function workflow(nodes: readonly object[], flows: readonly string[]): CompiledWorkflow {
  return compileWorkflow(draftOf(nodes, flows));
}

export const draftOf = (nodes: readonly object[], flows: readonly string[]): WorkflowDraft =>
  workflowDraft.parse({ key: 'test', nodes, flows: flows.map(flowOf) });

function flowOf(text: string): object {
  const match = /^(\w+)(?:\[(\w+)\])?>(\w+)(?:\?(.*))?$/.exec(text);
  if (!match) throw new Error(`"${text}" is no flow`);
  const [, from, on, to, when] = match;
  const condition = when === 'otherwise' ? { otherwise: true } : { when };
  return { from, to, ...(on !== undefined && { on }), ...(when !== undefined && condition) };
}

/**
 * One instance in the hands of a test. After every command it sees that what the history folds to is the state, that
 * both survive JSON, and that the state before was left alone.
 */
export class TestInstance {
  state: InstanceState = newInstance();
  readonly history: WorkflowEvent[] = [];
  /** Of the last command. */
  effects: readonly Effect[] = [];
  now = Date.parse('2030-01-01T00:00:00Z');
  config: JsonObject = {};
  budget = 1_000;
  pause: Pause = { everywhere: false, nodes: [] };

  constructor(public workflow: CompiledWorkflow) {}

  start(variables: JsonObject = {}): this {
    return this.send({ type: 'start', variables });
  }

  send(command: WorkflowCommand): this {
    const rejection = this.try(command);
    if (rejection) throw new Error(`${rejection.code}: ${rejection.message}`);
    return this;
  }

  /** The rejection, if there is one. */
  try(command: WorkflowCommand): Rejection | undefined {
    const before = JSON.stringify(storeState(this.state));
    const { config, budget, pause } = this;
    const context = { now: new Date(this.now), config, budget, pause };
    const decision = decide(this.workflow, this.state, command, context);
    expect(JSON.stringify(storeState(this.state))).toBe(before);
    if ('rejection' in decision) return decision.rejection;
    this.state = decision.state;
    this.effects = decision.effects;
    this.history.push(...decision.events);
    this.#expectHistoryToGiveState();
    return undefined;
  }

  #expectHistoryToGiveState(): void {
    const stored = JSON.parse(JSON.stringify(this.history)) as WorkflowEvent[];
    const rebuilt = stored.reduce(evolve, newInstance());
    expect(rebuilt).toEqual(this.state);
    const json = JSON.stringify(storeState(this.state));
    expect(restoreState(JSON.parse(json) as ReturnType<typeof storeState>)).toEqual(this.state);
  }

  /** The tokens at a node, the oldest first. */
  at(node: string): Token[] {
    return [...this.state.tokens.values()].filter((token) => token.node === node);
  }

  /** Where something waits for the outside, in the order in which it began. */
  get waiting(): string[] {
    return [...this.state.tokens.values()]
      .filter(({ status, live, id }) => status === 'waiting' && live === 0 && id > 0)
      .map(({ node }) => node);
  }

  /** The id of the oldest token at a node. */
  idAt(node: string): number {
    const [token] = this.at(node);
    if (!token) throw new Error(`No token is at ${node}`);
    return token.id;
  }

  complete(node: string, outcome?: string, result?: JsonObject): this {
    const token = this.at(node).find(({ wait }) => wait?.for === 'job' || wait?.for === 'human');
    if (!token) throw new Error(`Nothing is to be done at ${node}`);
    return this.send({
      type: 'complete',
      token: token.id,
      ...(outcome !== undefined && { outcome }),
      ...(result && { result }),
    });
  }

  fire(node: string, timer = 'wait'): this {
    const token = this.at(node).find(({ timers }) => timers?.[timer] !== undefined);
    if (!token) throw new Error(`No timer ${timer} runs at ${node}`);
    this.now = token.timers?.[timer] ?? this.now;
    return this.send({ type: 'fire_timer', token: token.id, timer });
  }

  get incidents(): string[] {
    return [...this.state.tokens.values()].flatMap(({ incident }) => incident?.code ?? []);
  }

  effectsOf<Type extends Effect['type']>(type: Type): Extract<Effect, { type: Type }>[] {
    return this.effects.filter(
      (effect): effect is Extract<Effect, { type: Type }> => effect.type === type,
    );
  }
}

export const START = { id: 'start', type: 'start' };

export const task = (id: string, more: object = {}): object => ({
  id,
  type: 'task',
  kind: 'human',
  ...more,
});

export const final = (id: string, more: object = {}): object => task(id, { final: true, ...more });

/** A started instance of what follows a start node. */
export const begin = (
  nodes: readonly object[],
  flows: readonly string[],
  variables: JsonObject = {},
): TestInstance => new TestInstance(workflow([START, ...nodes], flows)).start(variables);
