import type { CompiledWorkflow } from '../definition/compiled.js';
import type { Json, JsonObject } from '../definition/json.js';
import type { Rejection, WorkflowCommand } from './commands.js';
import { advance } from './decide.js';
import type { Effect } from './effects.js';
import type { WorkflowEvent } from './events.js';
import { OutOfTime } from './run.js';
import { newInstance, type InstanceState } from './state.js';

/** What to pretend of a node's work: one ending, or one for each time that it is done; the last one repeats. */
export interface MockedEnding {
  readonly outcome?: string;
  readonly result?: Json;
  readonly error?: { readonly code: string; readonly message: string };
  /** Milliseconds that it takes on the virtual clock; default 0. */
  readonly after_ms?: number;
}

export interface SimulationScript {
  readonly variables?: JsonObject;
  /** The start node, and what its trigger gives; default: the one that needs none. */
  readonly node?: string;
  readonly data?: Json;
  readonly config?: JsonObject;
  readonly start_at?: Date;
  /** By node. Work without an ending here is left waiting. */
  readonly endings?: Readonly<Record<string, MockedEnding | readonly MockedEnding[]>>;
  /** What comes from outside, by milliseconds after the start. */
  readonly arrivals?: readonly { readonly after_ms: number; readonly command: WorkflowCommand }[];
  /** Stops after this much virtual time (default 30 days) or so many decisions (default 10,000). */
  readonly until_ms?: number;
  readonly most_decisions?: number;
  /** Asked at every step: true when there is no more time for it. */
  readonly isOverdue?: () => boolean;
}

export interface Simulation {
  readonly status: InstanceState['status'];
  readonly variables: JsonObject;
  /** Nodes in the order in which they were completed. */
  readonly steps: readonly SimulatedStep[];
  /** Where tokens wait at the end. */
  readonly waiting: readonly { readonly node: string; readonly for: string }[];
  readonly incidents: readonly { readonly node: string; readonly message: string }[];
  readonly effects: readonly Effect[];
  readonly events: readonly WorkflowEvent[];
  readonly rejections: readonly Rejection[];
  readonly took_ms: number;
  /** What has kept it from going on. */
  readonly stopped_by: 'until_ms' | 'most_decisions' | 'time' | null;
}

export interface SimulatedStep {
  readonly node: string;
  readonly outcome: string;
  readonly after_ms: number;
}

interface Due {
  readonly at: number;
  readonly order: number;
  readonly command: WorkflowCommand;
}

const DAY_MS = 86_400_000;

/**
 * Plays an instance with a virtual clock: timers fire at their time, and work ends as the script says. Nothing is
 * stored or sent; the same engine decides as does in earnest.
 */
export function simulate(workflow: CompiledWorkflow, script: SimulationScript = {}): Simulation {
  return new Simulator(workflow, script).run();
}

class Simulator {
  readonly #state = newInstance();
  readonly #agenda: Due[] = [];
  readonly #effects: Effect[] = [];
  readonly #events: WorkflowEvent[] = [];
  readonly #steps: SimulatedStep[] = [];
  readonly #rejections: Rejection[] = [];
  readonly #times = new Map<string, number>();
  readonly #start: number;
  #now: number;
  #order = 0;

  constructor(
    readonly workflow: CompiledWorkflow,
    readonly script: SimulationScript,
  ) {
    this.#start = script.start_at?.getTime() ?? 0;
    this.#now = this.#start;
  }

  run(): Simulation {
    const { variables = {}, node, data, arrivals = [] } = this.script;
    const how = { ...(node !== undefined && { node }), ...(data !== undefined && { data }) };
    this.#plan(0, { type: 'start', variables, ...how });
    for (const { after_ms, command } of arrivals) this.#plan(after_ms, command);
    return this.#result(this.#play());
  }

  #play(): Simulation['stopped_by'] {
    const { until_ms = 30 * DAY_MS, most_decisions = 10_000, isOverdue } = this.script;
    let left = most_decisions;
    for (let due = this.#next(); due; due = this.#next(), left -= 1) {
      if (left <= 0) return 'most_decisions';
      if (due.at - this.#start > until_ms) return 'until_ms';
      if (isOverdue?.()) return 'time';
      this.#now = Math.max(this.#now, due.at);
      if (!this.#hasTimeFor(due.command)) return 'time';
    }
    return null;
  }

  #hasTimeFor(command: WorkflowCommand): boolean {
    try {
      this.#decide(command);
      return true;
    } catch (error) {
      if (error instanceof OutOfTime) return false;
      throw error;
    }
  }

  #decide(command: WorkflowCommand): void {
    const { config = {}, isOverdue } = this.script;
    const context = { now: new Date(this.#now), config, ...(isOverdue && { isOverdue }) };
    const decision = advance(this.workflow, this.#state, command, context);
    if ('rejection' in decision) {
      this.#rejections.push(decision.rejection);
      return;
    }
    for (const event of decision.events) this.#note(event);
    for (const effect of decision.effects) this.#carryOut(effect);
  }

  #note(event: WorkflowEvent): void {
    this.#events.push(event);
    if (event.type !== 'node_completed' || event.whole) return;
    const { node, outcome } = event;
    this.#steps.push({ node, outcome, after_ms: this.#now - this.#start });
  }

  #carryOut(effect: Effect): void {
    this.#effects.push(effect);
    switch (effect.type) {
      case 'schedule_timer':
        this.#planAt(effect.at.getTime(), {
          type: 'fire_timer',
          token: effect.token,
          timer: effect.timer,
        });
        break;
      case 'cancel_timer':
        this.#forget(effect.token, effect.timer);
        break;
      case 'create_job':
      case 'create_user_task':
      case 'start_child':
        this.#pretend(effect.node, effect.token, effect.type === 'start_child');
        break;
      default:
    }
  }

  #pretend(node: string, token: number, isChild: boolean): void {
    const given = this.script.endings?.[node];
    if (given === undefined) return;
    const endings: readonly MockedEnding[] = Array.isArray(given) ? given : [given as MockedEnding];
    const time = this.#times.get(node) ?? 0;
    this.#times.set(node, time + 1);
    const ending = endings[Math.min(time, endings.length - 1)];
    if (!ending) return;
    const { after_ms = 0 } = ending;
    this.#planAt(this.#now + after_ms, commandOf(token, isChild, ending));
  }

  #plan(afterMs: number, command: WorkflowCommand): void {
    this.#planAt(this.#start + afterMs, command);
  }

  #planAt(at: number, command: WorkflowCommand): void {
    this.#agenda.push({ at, order: this.#order, command });
    this.#order += 1;
  }

  /** The earliest; of those at the same time, the one that was planned first. */
  #next(): Due | undefined {
    let best = 0;
    for (const [i, due] of this.#agenda.entries()) {
      const first = this.#agenda[best];
      if (first && (due.at < first.at || (due.at === first.at && due.order < first.order)))
        best = i;
    }
    return this.#agenda.splice(best, 1)[0];
  }

  #forget(token: number, timer: string): void {
    const at = this.#agenda.findIndex(
      ({ command }) =>
        command.type === 'fire_timer' && command.token === token && command.timer === timer,
    );
    if (at >= 0) this.#agenda.splice(at, 1);
  }

  #result(stopped_by: Simulation['stopped_by']): Simulation {
    const tokens = [...this.#state.tokens.values()].filter(({ node }) => node !== '');
    return {
      status: this.#state.status,
      variables: this.#state.variables,
      steps: this.#steps,
      waiting: tokens.flatMap(({ node, wait, status }) =>
        status === 'waiting' && wait ? [{ node, for: wait.for }] : [],
      ),
      incidents: [...this.#state.tokens.values()].flatMap(({ node, incident }) =>
        incident ? [{ node, message: incident.message }] : [],
      ),
      effects: this.#effects,
      events: this.#events,
      rejections: this.#rejections,
      took_ms: this.#now - this.#start,
      stopped_by,
    };
  }
}

function commandOf(token: number, isChild: boolean, ending: MockedEnding): WorkflowCommand {
  const { outcome, result = null, error } = ending;
  const how = { ...(outcome !== undefined && { outcome }), result };
  if (isChild)
    return {
      type: 'child_ended',
      token,
      status: error ? 'failed' : 'completed',
      ...how,
      ...(error && { error }),
    };
  if (error) return { type: 'fail', token, ...error };
  return { type: 'complete', token, ...how };
}
