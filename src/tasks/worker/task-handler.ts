import { Injectable, type LoggerService } from '@nestjs/common';
import type { z } from 'zod';

/** What a running task may use. */
export interface TaskContext {
  readonly taskId: string;
  /** The user who created it; null: somebody who had not logged in. */
  readonly ownerId: string | null;
  /** 1 for the first attempt. `taskId` is the same in all of them: use it as the Idempotency-Key of outside calls. */
  readonly attempt: number;
  /** Aborts at the timeout, when the task is cancelled, and at shutdown. A handler that ignores it loses its result. */
  readonly signal: AbortSignal;
  readonly logger: LoggerService;
  /** Reports 0 to 100; written about once a second. */
  readonly progress: (percent: number) => void;
}

/** Does the work of one kind of task. May run more than once for a task: a crash loses the record, not the deed. */
export interface TaskRunner<Payload = unknown, Result = unknown> {
  run(payload: Payload, context: TaskContext): Promise<Result>;
}

export interface TaskHandlerOptions {
  /** Checked when the task is created; default: any JSON. */
  readonly payload?: z.ZodType;
  /** Documents the result. */
  readonly result?: z.ZodType;
  /** Default 300,000. A task may say otherwise. */
  readonly timeoutMs?: number;
  /** Default 3. A task may say otherwise. */
  readonly maxAttempts?: number;
  /** Runs of this kind at once in one process. Default: the worker's `TASKS_CONCURRENCY`. */
  readonly concurrency?: number;
  /** Created by the program's own modules, which wait for its end; to everybody else there is no such kind. */
  readonly internal?: boolean;
}

export interface TaskKind extends TaskHandlerOptions {
  readonly kind: string;
}

/** Thrown by a handler when another attempt cannot help; the task fails at once with reason `rejected`. */
export class PermanentError extends Error {
  override readonly name = 'PermanentError';
  constructor(
    message: string,
    readonly code = 'permanent-error',
  ) {
    super(message);
  }
}

const TASK_KIND = Symbol('millrace:task-kind');

/** Makes a class the handler of a kind of task: `@TaskHandler('email.send', { payload: Email, timeoutMs: 10_000 })`. */
export function TaskHandler(kind: string, options: TaskHandlerOptions = {}): ClassDecorator {
  return (target) => {
    Injectable()(target);
    Reflect.defineMetadata(TASK_KIND, { ...options, kind } satisfies TaskKind, target);
  };
}

export function taskKindOf(target: object): TaskKind | undefined {
  return Reflect.getMetadata(TASK_KIND, target) as TaskKind | undefined;
}
