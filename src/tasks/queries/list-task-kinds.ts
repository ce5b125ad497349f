import { Inject } from '@nestjs/common';
import { Query } from '@nestjs/cqrs';
import { z } from 'zod';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { ENV, type Env } from '../../kernel/env.js';
import { DEFAULT_BACKOFF } from '../domain/backoff.js';
import { DEFAULT_MAX_ATTEMPTS, DEFAULT_TIMEOUT_MS } from '../domain/task.state.js';
import type { TaskKindView } from '../tasks.dto.js';
import { type RegisteredKind, TaskKinds } from '../worker/task-kinds.js';

/** Every kind of task that may be created here, by name. */
export class ListTaskKinds extends Query<{ items: TaskKindView[] }> {}

@Handles(ListTaskKinds)
export class ListTaskKindsHandler implements Handler<ListTaskKinds> {
  #items: TaskKindView[] | undefined;

  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly kinds: TaskKinds,
  ) {}

  execute(): Promise<{ items: TaskKindView[] }> {
    // Kinds do not change while the process lives, and schemas are costly to convert.
    this.#items ??= this.kinds.open
      .map((kind) => this.#view(kind))
      .sort((a, b) => (a.kind < b.kind ? -1 : 1));
    return Promise.resolve({ items: this.#items });
  }

  #view(kind: RegisteredKind): TaskKindView {
    const external = kind.runner === undefined;
    return {
      kind: kind.kind,
      external,
      payload_schema: jsonSchema(kind.payload, 'input'),
      result_schema: jsonSchema(kind.result, 'output'),
      max_attempts: kind.maxAttempts ?? DEFAULT_MAX_ATTEMPTS,
      timeout_ms: kind.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      backoff: DEFAULT_BACKOFF,
      concurrency: external ? null : (kind.concurrency ?? this.env.TASKS_CONCURRENCY),
    };
  }
}

/** No schema means any JSON, which is `{}`. */
function jsonSchema(schema: z.ZodType | undefined, io: 'input' | 'output') {
  return schema ? z.toJSONSchema(schema, { io, unrepresentable: 'any' }) : {};
}
