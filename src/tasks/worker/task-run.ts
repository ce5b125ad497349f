import type { LoggerService } from '@nestjs/common';
import type { Task } from '../domain/task.js';
import { type AttemptResult, MAX_RESULT_BYTES, TIMED_OUT } from '../domain/task.state.js';
import { PermanentError, type TaskRunner } from './task-handler.js';

/** How long a handler may take to obey its abort signal. */
const ABORT_GRACE_MS = 5_000;

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

/** One attempt at a task in this process. */
export class TaskRun {
  readonly startedAt = performance.now();
  progress = 0;
  savedProgress = 0;
  readonly #controller = new AbortController();
  #end: ((end: RunEnd) => void) | undefined;
  #grace: NodeJS.Timeout | undefined;

  constructor(
    readonly task: Task,
    private readonly runner: TaskRunner,
    private readonly logger: LoggerService,
  ) {}

  /** Tells the handler to stop, once. One that does not within five seconds is given up. */
  abort(why: RunAborted['why']): void {
    if (this.#controller.signal.aborted) return;
    const reason = new RunAborted(why);
    this.#controller.abort(reason);
    this.#grace = setTimeout(() => {
      this.#end?.({ result: ended(reason.why), leaked: true });
    }, ABORT_GRACE_MS);
  }

  /** Runs the handler to its end, or until it is given up. Never rejects. */
  async execute(): Promise<RunEnd> {
    const timeout = setTimeout(() => {
      this.abort('timeout');
    }, this.task.state.timeoutMs);
    try {
      return await new Promise<RunEnd>((resolve) => {
        this.#end = resolve;
        void this.#work().then(resolve);
      });
    } finally {
      clearTimeout(timeout);
      clearTimeout(this.#grace);
    }
  }

  async #work(): Promise<RunEnd> {
    const { signal } = this.#controller;
    const { id, ownerId, attempt, payload } = this.task.state;
    const context = {
      taskId: id,
      ownerId,
      attempt,
      signal,
      logger: this.logger,
      progress: (percent: number) => {
        this.progress = Math.round(Math.min(100, Math.max(0, percent)));
      },
    };
    try {
      return { result: success(await this.runner.run(payload, context)), leaked: false };
    } catch (error) {
      // Whatever a stopped handler throws, it is the stop that ended it.
      const why = signal.reason instanceof RunAborted ? signal.reason.why : undefined;
      return { result: why ? ended(why) : failure(error), leaked: false };
    }
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

function failure(error: unknown): AttemptResult {
  const message = (error instanceof Error ? error.message : String(error)).slice(0, 2_000);
  if (error instanceof PermanentError) {
    return { kind: 'failure', nature: 'permanent', code: error.code, message };
  }
  const code = error instanceof Error ? error.name : 'error';
  return { kind: 'failure', nature: 'passing', code, message };
}

function ended(why: RunAborted['why']): RunEnd['result'] {
  switch (why) {
    case 'timeout':
      return TIMED_OUT;
    case 'shutdown':
      return { kind: 'handed-back' };
    case 'cancelled':
    case 'lease-lost':
      return { kind: 'void' };
  }
}
