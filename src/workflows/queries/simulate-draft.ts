import { Query } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { compileWorkflow } from '../definition/compile.js';
import { workflowDraft, type WorkflowDraft } from '../definition/draft.js';
import type { Finding } from '../definition/findings.js';
import type { JsonObject } from '../definition/json.js';
import { DraftHasErrors } from '../domain/workflow.errors.js';
import type { WorkflowCommand } from '../engine/commands.js';
import { type MockedEnding, type SimulationScript, simulate } from '../engine/simulate.js';
import type { SimulateRequest, SimulationView } from '../workflow-simulation.dto.js';
import { GetDraft } from './drafts.js';

/** A draft is played in the process that is asked, so this is how long it may hold up all others. */
const MOST_MS = 100;

/** Of each list. */
const MOST_TOLD = 10_000;

/** Plays a draft. Nothing is stored or sent. Throws `WorkflowNotFound`, `DraftHasErrors`. */
export class SimulateDraft extends Query<SimulationView> {
  constructor(
    readonly key: string,
    readonly request: SimulateRequest,
  ) {
    super();
  }
}

@Handles(SimulateDraft)
export class SimulateDraftHandler implements Handler<SimulateDraft> {
  constructor(
    private readonly clock: Clock,
    private readonly mediator: Mediator,
  ) {}

  async execute({ key, request }: SimulateDraft): Promise<SimulationView> {
    const { draft, findings } = await this.mediator.ask(new GetDraft(key));
    if (findings.some(({ severity }) => severity === 'error'))
      throw new DraftHasErrors(key, findings as Finding[], 'simulated');
    const parsed = workflowDraft.parse(draft);
    const script = scriptOf(request, parsed, this.clock.now());
    const { effects, events, ...view } = simulate(compileWorkflow(parsed), script);
    return {
      ...(view as SimulationView),
      steps: view.steps.slice(0, MOST_TOLD),
      waiting: view.waiting.slice(0, MOST_TOLD),
      incidents: view.incidents.slice(0, MOST_TOLD),
    };
  }
}

function scriptOf(request: SimulateRequest, draft: WorkflowDraft, now: Date): SimulationScript {
  const { start_at: startAt, config, arrivals, endings, node, data, ...script } = request;
  const startedAt = performance.now();
  return {
    ...script,
    ...(node !== undefined && { node }),
    ...(data !== undefined && { data }),
    config: { ...defaultsOf(draft), ...config },
    start_at: startAt === undefined ? now : new Date(startAt),
    endings: endings as Readonly<Record<string, MockedEnding | readonly MockedEnding[]>>,
    arrivals: arrivals.map(({ after_ms, ...arrival }) => ({
      after_ms,
      command: commandOf(arrival),
    })),
    isOverdue: () => performance.now() - startedAt > MOST_MS,
  };
}

const defaultsOf = ({ config = {} }: WorkflowDraft): JsonObject =>
  Object.fromEntries(
    Object.entries(config).flatMap(([name, { default: value }]) =>
      value === undefined ? [] : [[name, value]],
    ),
  );

type Arrival = Omit<SimulateRequest['arrivals'][number], 'after_ms'>;

function commandOf({ message, signal, key, data }: Arrival): WorkflowCommand {
  const news = { key: key ?? null, data };
  if (message !== undefined) return { type: 'message', name: message, ...news };
  return { type: 'signal', name: signal ?? '', ...news };
}
