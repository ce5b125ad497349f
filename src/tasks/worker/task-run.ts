import { setTimeout as delay } from 'node:timers/promises';
import type { LoggerService } from '@nestjs/common';
import type { Task } from '../domain/task.js';
import type { AttemptResult } from '../domain/task.state.js';
import { PermanentError, type TaskRunner } from './task-handler.js';

/** How long a handler may take to obey its abort signal. */
const ABORT_GRACE_MS = 5_000;
const MAX_RESULT_BYTES = 1_048_576;

/** Why a run is stopped from outside. */
export class RunAborted extends Error {
  override readonly name = 'RunAborted';
  constructor(readonly why: 'timeout' | 'cancelled' | 'lease-lost' | 'shutdown') {
    super(`The run was stopped: ${why}`);
  }
}

export interface RunEnd {
  readonly result: AttemptResult | { readonly kind: 'handed-back' } | { readonly kind: 'void' };
  /** The handler ignored its abort signal and is still at work somewhere in this process. */
  readonly leaked: boolean;
}

/** One attempt at a task in this process. Never rejects. */
export class TaskRun {
  readonly #controller = new AbortController();
  readonly startedAt = performance.now();
  progress = 0;
  savedProgress = 0;

  constructor(
    readonly task: Task,
    private readonly runner: TaskRunner,
    private readonly logger: LoggerService,
  ) {}

  abort(why: RunAborted['why']): void {
    this.#controller.abort(new RunAborted(why));
  }

  async execute(): Promise<RunEnd> {
    const { id, attempt, payload, timeoutMs } = this.task.state;
    const { signal } = this.#controller;
    const timer = setTimeout(() => {
      this.abort('timeout');
    }, timeoutMs);
    const context = {
      taskId: id,
      attempt,
      signal,
      logger: this.logger,
      progress: (percent: number) => {
        this.progress = Math.round(Math.min(100, Math.max(0, percent)));
      },
    };
    const work = settled(async () => this.runner.run(payload, context));
    const outcome = await Promise.race([work, this.#abandoned()]);
    clearTimeout(timer);
    this.#controller.abort(new RunAborted('shutdown')); // ends the wait in #abandoned; the handler has ended
    return outcome;
  }

  /** Resolves when the handler has had its grace after an abort. */
  async #abandoned(): Promise<RunEnd> {
    const { signal } = this.#controller;
    const reason = await new Promise<RunAborted>((resolve) => {
      signal.addEventListener('abort', () => {
        resolve(signal.reason as RunAborted);
      });
    });
    await delay(ABORT_GRACE_MS, undefined, { ref: false });
    return { result: resultOf(reason), leaked: true };
  }
}

async function settled(work: () => Promise<unknown>): Promise<RunEnd> {
  try {
    return { result: success(await work()), leaked: false };
  } catch (error) {
    return { result: resultOf(error), leaked: false };
  }
}

function success(result: unknown): AttemptResult {
  const size = Buffer.byteLength(JSON.stringify(result ?? null));
  if (size <= MAX_RESULT_BYTES) return { kind: 'success', result: result ?? null };
  return {
    kind: 'failure',
    nature: 'permanent',
    code: 'result-too-large',
    message: `The result has ${String(size)} bytes; ${String(MAX_RESULT_BYTES)} are allowed.`,
  };
}

function resultOf(error: unknown): RunEnd['result'] {
  if (error instanceof RunAborted) return ended(error.why);
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof PermanentError) {
    return { kind: 'failure', nature: 'permanent', code: error.code, message };
  }
  const code = error instanceof Error ? error.name : 'error';
  return { kind: 'failure', nature: 'passing', code, message: message.slice(0, 2_000) };
}

function ended(why: RunAborted['why']): RunEnd['result'] {
  switch (why) {
    case 'timeout':
      return {
        kind: 'failure',
        nature: 'timeout',
        code: 'timeout',
        message: 'The attempt took longer than its timeout.',
      };
    case 'shutdown':
      return { kind: 'handed-back' };
    case 'cancelled':
    case 'lease-lost':
      return { kind: 'void' };
  }
}
