import { randomUUID } from 'node:crypto';
import { CompleteUserTask } from '../../src/workflows/commands/complete-user-task.js';
import { SettleJobs } from '../../src/workflows/commands/settle-jobs.js';
import { TellInstances } from '../../src/workflows/commands/tell-instances.js';
import type { WorkflowCommand } from '../../src/workflows/engine/commands.js';
import type {
  MockedEnding,
  Simulation,
  SimulationScript,
} from '../../src/workflows/engine/simulate.js';
import type { Token } from '../../src/workflows/engine/state.js';
import type { App } from './app.js';
import { stepsOf } from './workflow-patterns.js';
import { WorkflowRun } from './workflow-runs.js';

export interface Stage {
  readonly app: App;
  readonly clock: { at: number };
  /** Does something, and does it again when it is disturbed. Default: nothing disturbs it. */
  readonly perform?: (act: () => Promise<unknown>) => Promise<void>;
}

interface Due {
  readonly at: number;
  readonly act: () => Promise<void>;
}

const ACTOR = { id: 'player', roles: [], operates: true };
/** Virtual time after which nothing more is looked at. */
const UNTIL_MS = 30 * 86_400_000;

/**
 * Plays an instance by the script of a simulation, but for real: work ends, timers fire and messages come at their
 * time on a virtual clock, each as a command through Postgres.
 */
export class PatternPlayer {
  readonly #agenda: Due[] = [];
  readonly #planned = new Set<string>();
  readonly #times = new Map<string, number>();
  readonly #since: number;

  private constructor(
    private readonly stage: Stage,
    readonly run: WorkflowRun,
    private readonly script: SimulationScript,
  ) {
    this.#since = stage.clock.at;
    for (const { after_ms, command } of script.arrivals ?? [])
      this.#agenda.push({ at: this.#since + after_ms, act: this.#once(command) });
  }

  static async start(
    stage: Stage,
    workflow: string,
    script: SimulationScript = {},
  ): Promise<PatternPlayer> {
    const startKey = randomUUID();
    let run: WorkflowRun | undefined;
    await perform(stage, async () => {
      run = await WorkflowRun.start(stage.app, workflow, script.variables ?? {}, startKey);
    });
    if (!run) throw new Error('Nothing was started');
    return new PatternPlayer(stage, run, script);
  }

  async play(): Promise<void> {
    for (;;) {
      await this.#plan();
      const due = this.#next();
      if (!due || due.at - this.#since > UNTIL_MS) return;
      this.stage.clock.at = Math.max(this.stage.clock.at, due.at);
      await perform(this.stage, due.act);
    }
  }

  async steps(): Promise<string> {
    const steps = (await this.run.steps()).map((node) => ({ node, outcome: '', after_ms: 0 }));
    return stepsOf({ steps } as unknown as Simulation);
  }

  /** What has begun since the last look. */
  async #plan(): Promise<void> {
    for (const token of (await this.run.state()).tokens) {
      this.#planTimers(token);
      if (token.status === 'waiting' && isWork(token)) this.#planWork(token);
    }
  }

  #planTimers({ id, timers = {} }: Token): void {
    for (const [timer, at] of Object.entries(timers))
      this.#planOnce(`${String(id)}/${timer}/${String(at)}`, at, () => this.#fire(id, timer, at));
  }

  #planWork(token: Token): void {
    const name = `${String(token.id)}/${String(token.attempt ?? 1)}`;
    if (this.#planned.has(name)) return;
    const given = this.script.endings?.[token.node] ?? {};
    const endings: readonly MockedEnding[] = Array.isArray(given) ? given : [given as MockedEnding];
    const time = this.#times.get(token.node) ?? 0;
    this.#times.set(token.node, time + 1);
    const ending = endings[Math.min(time, endings.length - 1)] ?? {};
    const afterMs = ending.after_ms ?? 0;
    this.#planOnce(name, this.stage.clock.at + afterMs, () => this.#end(token, ending));
  }

  #planOnce(name: string, at: number, act: Due['act']): void {
    if (this.#planned.has(name)) return;
    this.#planned.add(name);
    this.#agenda.push({ at, act });
  }

  /** The earliest; of those at the same time, the one that was planned first. */
  #next(): Due | undefined {
    const [first, ...others] = this.#agenda;
    if (!first) return undefined;
    const next = others.reduce((best, due) => (due.at < best.at ? due : best), first);
    this.#agenda.splice(this.#agenda.indexOf(next), 1);
    return next;
  }

  async #end(token: Token, { outcome }: MockedEnding): Promise<void> {
    if (token.wait?.for === 'child') await this.#playChild();
    else if (token.wait?.for === 'human') await this.#completeUserTask(token, outcome);
    else await this.#settleJob(token, outcome);
  }

  async #completeUserTask(token: Token, outcome: string | undefined): Promise<void> {
    const [task] = await this.#rows(
      `select id from workflows.user_task where instance_id = $1 and token = $2 and status = 'created'`,
      token,
    );
    if (!task) return;
    const given = { outcome, data: null };
    await this.stage.app.execute(new CompleteUserTask(task.id, ACTOR, given));
  }

  async #settleJob({ id: token, attempt = 1 }: Token, outcome: string | undefined): Promise<void> {
    const result = outcome === undefined ? null : { outcome };
    const work = { instanceId: this.run.id, token, attempt };
    const end = { ...work, kind: 'played', status: 'succeeded' as const, result };
    await this.stage.app.execute(new SettleJobs([end]));
  }

  #rows(sql: string, { id }: Token): Promise<{ id: string }[]> {
    return this.stage.app.sql(sql, [this.run.id, id]);
  }

  /** It has begun already; its end comes by message. */
  async #playChild(): Promise<void> {
    const { app } = this.stage;
    const [child] = await app.sql<{ id: string }>(
      `select id from workflows.instance where parent_id = $1 and status = 'running'`,
      [this.run.id],
    );
    if (child) await new PatternPlayer(this.stage, new WorkflowRun(app, child.id), {}).play();
    await app.until(async () => {
      const { tokens } = await this.run.state();
      return tokens.every(({ wait }) => wait?.for !== 'child');
    });
  }

  /** A command that has nothing to be recognised by: who sends it again looks before whether it was taken. */
  #once(command: WorkflowCommand): Due['act'] {
    let seq: number | undefined;
    return async () => {
      const before = await this.#decisions();
      seq ??= before;
      if (before === seq) await this.#tell(command);
    };
  }

  async #decisions(): Promise<number> {
    const rows = await this.stage.app.sql<{ seq: number }>(
      'select seq from workflows.instance where id = $1',
      [this.run.id],
    );
    return rows[0]?.seq ?? 0;
  }

  #fire(token: number, timer: string, at: number): Promise<void> {
    return this.#tell({ type: 'fire_timer', token, timer }, at);
  }

  /** What comes too early or too late is dropped, as in the simulation. */
  async #tell(command: WorkflowCommand, timerAt?: number): Promise<void> {
    const telling = { instanceId: this.run.id, command, ...(timerAt !== undefined && { timerAt }) };
    await this.stage.app.execute(new TellInstances([telling]));
  }
}

const perform = (stage: Stage, act: () => Promise<unknown>): Promise<unknown> =>
  stage.perform ? stage.perform(act) : act();

const isWork = ({ wait }: Token): boolean =>
  wait?.for === 'job' || wait?.for === 'human' || wait?.for === 'child';
