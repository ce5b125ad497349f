import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { fieldAt } from '../../kernel/domain/domain-error.js';
import { ENV, type Env } from '../../kernel/env.js';
import { fieldErrors, ValidationError } from '../../kernel/http/validation.js';
import { UnknownTaskKind, UnknownTaskQueue } from '../domain/task.errors.js';
import { type TaskKind, taskKindOf, type TaskRunner } from './task-handler.js';

export interface RegisteredKind extends TaskKind {
  /** Absent for an external kind, whose workers lease their tasks over REST or messages. */
  readonly runner?: TaskRunner;
}

interface WantedTask {
  readonly kind: string;
  readonly queue: string;
  readonly payload?: unknown;
}

interface Asked {
  /** Where in a request the task stands, such as `[3]`. */
  readonly place: string;
  /** By a module of the program, which may create internal kinds too. */
  readonly byModule?: boolean;
}

/** Every kind of task that may be created: those with a `@TaskHandler`, and those that `TASKS_EXTERNAL_KINDS` names. */
@Injectable()
export class TaskKinds implements OnModuleInit {
  readonly #kinds = new Map<string, RegisteredKind>();

  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly discovery: DiscoveryService,
  ) {}

  onModuleInit(): void {
    for (const { metatype, instance } of this.discovery.getProviders()) {
      const kind = metatype && taskKindOf(metatype);
      if (kind && instance) this.#add({ ...kind, runner: instance as TaskRunner });
    }
    for (const kind of this.env.TASKS_EXTERNAL_KINDS) this.#add({ kind });
  }

  /** Those that everybody may create. */
  get open(): RegisteredKind[] {
    return [...this.#kinds.values()].filter(({ internal }) => !internal);
  }

  get(kind: string): RegisteredKind | undefined {
    return this.#kinds.get(kind);
  }

  /** The kind of a task that is to be created. Throws `UnknownTaskKind`, `UnknownTaskQueue`, `ValidationError`. */
  check(task: WantedTask, { place, byModule = false }: Asked): RegisteredKind {
    const kind = this.#kinds.get(task.kind);
    if (!kind || (kind.internal && !byModule)) {
      throw new UnknownTaskKind(task.kind, this.open.map((one) => one.kind).sort(), place);
    }
    if (!this.env.TASKS_QUEUES.includes(task.queue)) {
      throw new UnknownTaskQueue(task.queue, this.env.TASKS_QUEUES, place);
    }
    const checked = kind.payload?.safeParse(task.payload);
    if (checked?.success === false) {
      const field = fieldAt(place, 'payload');
      throw new ValidationError('body', fieldErrors(checked.error.issues, field, task.payload));
    }
    return kind;
  }

  #add(kind: RegisteredKind): void {
    if (this.#kinds.has(kind.kind)) throw new Error(`Two handlers of task kind "${kind.kind}"`);
    this.#kinds.set(kind.kind, kind);
  }
}
