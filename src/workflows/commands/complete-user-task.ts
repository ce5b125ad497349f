import { Inject } from '@nestjs/common';
import { Command } from '@nestjs/cqrs';
import type { z } from 'zod';
import { Clock } from '../../kernel/clock.js';
import { type BatchHandler, Handles, type Outcome } from '../../kernel/cqrs/handles.js';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { DomainError } from '../../kernel/domain/domain-error.js';
import { ENV, type Env } from '../../kernel/env.js';
import { fieldErrors, ValidationError } from '../../kernel/http/validation.js';
import { Outbox } from '../../kernel/outbox/outbox.js';
import { schemaOf } from '../definition.repository.js';
import type { Json, JsonObject } from '../definition/json.js';
import {
  UserTaskFormBroken,
  UserTaskOfAnother,
  UserTaskOutcomeUnknown,
} from '../domain/workflow.errors.js';
import { published } from '../runtime/messages.js';
import { userTaskCompleted } from '../runtime/user-tasks.js';
import { type Actor, isOfAnother, openFor } from '../user-task.access.js';
import { type Completion, type UserTask, UserTaskRepository } from '../user-task.repository.js';
import { type Telling, TellInstances } from './tell-instances.js';

/**
 * Ends a user task, and moves its instance on. Throws `UserTaskNotFound`, `UserTaskNotOpen`, `UserTaskOfAnother`,
 * `UserTaskOutcomeUnknown`, `UserTaskFormBroken`, `ValidationError` for data that the form does not take,
 * `CommandRejected`.
 */
export class CompleteUserTask extends Command<void> {
  constructor(
    readonly id: string,
    readonly actor: Actor,
    readonly given: { readonly outcome?: string | undefined; readonly data: Json },
  ) {
    super();
  }
}

interface Ready {
  readonly task: UserTask;
  readonly completion: Completion;
}

@Handles(CompleteUserTask, { batch: 500 })
export class CompleteUserTaskHandler implements BatchHandler<CompleteUserTask> {
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly clock: Clock,
    private readonly mediator: Mediator,
    private readonly outbox: Outbox,
    private readonly userTasks: UserTaskRepository,
  ) {}

  async executeMany(commands: readonly CompleteUserTask[]): Promise<Outcome<void>[]> {
    const tasks = await this.userTasks.load(commands.map(({ id }) => id));
    const checked = commands.map((command) => check(tasks.get(command.id), command));
    const ready = checked.filter((one): one is Ready => !(one instanceof DomainError));
    if (ready.length === 0) return checked as DomainError[];
    const told = await this.mediator.execute(new TellInstances(ready.map(toTelling)));
    const outcomes = new Map(ready.map((one, index) => [one, told[index]]));
    const done = ready.filter((one) => !(outcomes.get(one) instanceof DomainError));
    if (done.length > 0) {
      await this.userTasks.complete(
        done.map(({ completion }) => completion),
        this.clock.now(),
      );
      const events = done.map(({ task, completion }) => userTaskCompleted(task, completion));
      await this.outbox.append(published(this.env, events));
    }
    return checked.map((one) => {
      const outcome = one instanceof DomainError ? one : outcomes.get(one);
      return outcome instanceof DomainError ? outcome : undefined;
    });
  }
}

/** The instance is locked after this, and decides whether the task is still waited for. */
function check(found: UserTask | undefined, command: CompleteUserTask): Ready | DomainError {
  const { id, actor, given } = command;
  const task = openFor(actor, id, found);
  if (task instanceof DomainError) return task;
  if (isOfAnother(task, actor) && !actor.operates) return new UserTaskOfAnother(id);
  const [first = 'done'] = task.outcomes;
  const outcome = given.outcome ?? first;
  const problem = problemWith(task, outcome, given.data);
  if (problem) return problem;
  const { assignee } = task;
  const completion = { id, outcome, result: given.data, completedBy: actor.id, assignee };
  return { task, completion };
}

function problemWith(
  { node, outcomes, form }: UserTask,
  outcome: string,
  data: Json,
): DomainError | undefined {
  if (!outcomes.includes(outcome)) return new UserTaskOutcomeUnknown(outcome, outcomes);
  const schema = form && formOf(node, form);
  if (schema === null || schema instanceof DomainError) return schema ?? undefined;
  const wrong = schema.safeParse(data).error;
  return wrong ? new ValidationError('body', fieldErrors(wrong.issues, 'data', data)) : undefined;
}

/** A form may be computed, so what is wrong with it may come out only here. */
function formOf(node: string, form: JsonObject): z.ZodType | DomainError {
  try {
    return schemaOf(form);
  } catch (error) {
    return new UserTaskFormBroken(node, error instanceof Error ? error.message : String(error));
  }
}

const toTelling = ({ task, completion: { outcome, result } }: Ready): Telling => ({
  instanceId: task.instanceId,
  command: { type: 'complete', token: task.token, attempt: task.attempt, outcome, result },
});
