import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type BatchHandler, Handles, type Outcome } from '../../kernel/cqrs/handles.js';
import { DomainError, outcomeOf, placeIn } from '../../kernel/domain/domain-error.js';
import { Ids } from '../../kernel/ids.js';
import {
  continueTrace,
  currentContext,
  type TraceContext,
} from '../../kernel/observability/trace-context.js';
import { type DefinitionRef, DefinitionRepository } from '../definition.repository.js';
import type { Json } from '../definition/json.js';
import { NothingToStart, WorkflowIsPaused } from '../domain/workflow.errors.js';
import { newInstance } from '../engine/state.js';
import { InstanceRepository } from '../instance.repository.js';
import { type Instance, toView } from '../runtime/instance.js';
import { InstanceMover } from '../runtime/instance-mover.js';
import { instanceEvent } from '../runtime/messages.js';
import type { Movement } from '../runtime/movement.js';
import type { InstanceView, StartRequest } from '../workflow-instances.dto.js';

/** What is started, and by what: the `data` of a trigger is what its start node gives on, and no input. */
export type StartCommand = StartRequest & { readonly data?: Json };

/**
 * Starts instances, all or none, and moves each to its first waits. A request whose start key the workflow has seen
 * before answers the instance that has it. Throws `NothingToStart`, `ValidationError`.
 */
export class StartInstances extends Command<InstanceView[]> {
  readonly context: TraceContext = currentContext() ?? continueTrace();
  constructor(readonly requests: readonly StartCommand[]) {
    super();
  }
}

interface Planned {
  readonly request: StartCommand;
  readonly instance: Instance;
  readonly isExisting: boolean;
}

@Handles(StartInstances, { batch: 500 })
export class StartInstancesHandler implements BatchHandler<StartInstances> {
  constructor(
    private readonly clock: Clock,
    private readonly ids: Ids,
    private readonly definitions: DefinitionRepository,
    private readonly instances: InstanceRepository,
    private readonly mover: InstanceMover,
  ) {}

  async executeMany(commands: readonly StartInstances[]): Promise<Outcome<InstanceView[]>[]> {
    const requests = commands.flatMap((command) => command.requests);
    const { versions, runnables } = await this.definitions.resolve(
      requests.map(({ workflow }) => workflow),
    );
    const started = await this.#started(requests);
    const movement = await this.mover.begin([]);
    movement.know(runnables);
    const planned = commands.map((command) =>
      outcomeOf(() => this.#plan(command, movement, versions, started)),
    );
    for (const plan of planned) {
      if (plan instanceof DomainError) continue;
      for (const { instance, request, isExisting } of plan)
        if (!isExisting) begin(movement, instance, request);
    }
    await this.mover.settle(movement);
    return planned.map((plan) =>
      plan instanceof DomainError ? plan : plan.map(({ instance }) => toView(instance)),
    );
  }

  async #started(requests: readonly StartRequest[]): Promise<Map<string, Instance>> {
    const keyed = requests.flatMap(({ workflow, start_key: startKey }) =>
      startKey === undefined ? [] : [{ key: keyOf(workflow), startKey }],
    );
    if (keyed.length === 0) return new Map();
    const found = await this.instances.loadStarted(keyed);
    return new Map(found.map((instance) => [startName(instance.key, instance.startKey), instance]));
  }

  /** Nothing is decided yet, so that a command with a mistake has no effect. */
  #plan(
    { requests, context }: StartInstances,
    movement: Movement,
    versions: ReadonlyMap<string, DefinitionRef>,
    started: Map<string, Instance>,
  ): Planned[] {
    // Of a command that fails none is started, so others of its batch must not be answered with them.
    const own = new Map<string, Instance>();
    const planned = requests.map((request, index): Planned => {
      const name = startName(keyOf(request.workflow), request.start_key ?? null);
      const existing = started.get(name) ?? own.get(name);
      if (request.start_key !== undefined && existing)
        return { request, instance: existing, isExisting: true };
      const place = placeIn(requests, index);
      const ref = checked(request, movement, versions.get(request.workflow), place);
      const instance = this.#instanceOf(request, ref, context);
      if (request.start_key !== undefined) own.set(name, instance);
      return { request, instance, isExisting: false };
    });
    for (const [name, instance] of own) started.set(name, instance);
    return planned;
  }

  #instanceOf(
    request: StartRequest,
    ref: DefinitionRef,
    { correlationId, traceparent }: TraceContext,
  ): Instance {
    const now = this.clock.now();
    return {
      ...ref,
      id: this.ids.next(),
      businessKey: request.business_key ?? null,
      startKey: request.start_key ?? null,
      parent: null,
      depth: 0,
      correlationId,
      traceparent,
      startedAt: now,
      isNew: true,
      state: newInstance(),
      jobs: new Map(),
      seq: 0,
      incidents: 0,
      outcome: null,
      error: null,
      updatedAt: now,
      endedAt: null,
    };
  }
}

const keyOf = (workflow: string): string => workflow.split('@')[0] ?? workflow;

const startName = (key: string, startKey: string | null): string => `${key} ${startKey ?? ''}`;

function checked(
  request: StartCommand,
  movement: Movement,
  ref: DefinitionRef | undefined,
  place: string,
): DefinitionRef {
  const { workflow, variables, node, data } = request;
  const runnable = ref && movement.runnable(ref);
  if (!runnable) throw new NothingToStart(workflow, 'names no published workflow', place);
  const { definition, pause } = runnable;
  // What a trigger starts would be lost by a refusal; it is held at its start until the resume.
  if (pause.everywhere && data === undefined) throw new WorkflowIsPaused(definition.key, place);
  if (data === undefined) definition.checkInputs(variables, place);
  const problem = definition.startProblem(node);
  if (problem !== undefined) throw new NothingToStart(workflow, problem, place);
  return ref;
}

function begin(
  movement: Movement,
  instance: Instance,
  { variables, node, data }: StartCommand,
): void {
  movement.gathered.messages.push(instanceEvent('instance-started', instance));
  const rejection = movement.decide(instance, {
    type: 'start',
    variables,
    ...(node !== undefined && { node }),
    ...(data !== undefined && { data }),
  });
  if (rejection) throw new Error(`A checked start was rejected: ${rejection.message}`);
}
