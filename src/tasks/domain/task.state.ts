import type { Backoff } from './backoff.js';

export const TASK_STATUSES = ['new', 'in_progress', 'succeeded', 'failed', 'cancelled'] as const;
export type TaskStatus = (typeof TASK_STATUSES)[number];

export type FailureReason = 'exhausted' | 'poison' | 'timeout' | 'cancelled' | 'rejected';

export interface TaskError {
  readonly code: string;
  readonly message: string;
  readonly reason: FailureReason;
}

/** One attempt that did not succeed. */
export interface FailedAttempt {
  readonly attempt: number;
  readonly code: string;
  readonly message: string;
  readonly at: string;
}

/** The asker that is told how a task ends, instead of everybody by an event. */
export interface ReplyTo {
  readonly queue: string;
  readonly route: string;
  /** What the asker knows the task by. */
  readonly mark: unknown;
}

/** What a creator may say about a task; defaults are filled in already. */
export interface TaskSpec {
  readonly kind: string;
  readonly queue: string;
  readonly external: boolean;
  readonly payload: unknown;
  readonly priority: number;
  readonly runAt: Date | undefined;
  readonly maxAttempts: number;
  readonly timeoutMs: number;
  readonly backoff: Backoff;
  readonly idempotencyKey: string | undefined;
  readonly correlationId: string;
  readonly traceparent: string;
  /** The user who created it; null where nobody had to log in. */
  readonly ownerId: string | null;
  readonly replyTo: ReplyTo | null;
}

export interface TaskState extends Omit<TaskSpec, 'runAt' | 'idempotencyKey'> {
  readonly id: string;
  readonly status: TaskStatus;
  readonly runAt: Date;
  readonly idempotencyKey: string | null;
  readonly attempt: number;
  /** Attempts used up before the last manual retry, which grants `maxAttempts` new ones. */
  readonly attemptsBefore: number;
  readonly crashes: number;
  readonly progress: number;
  readonly result: unknown;
  readonly error: TaskError | null;
  readonly failures: readonly FailedAttempt[];
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
}

export const DEFAULT_MAX_ATTEMPTS = 3;
/** Of one attempt. */
export const DEFAULT_TIMEOUT_MS = 300_000;

/** Of JSON. Larger results are kept elsewhere, and referred to. */
export const MAX_RESULT_BYTES = 1_048_576;

/** How one attempt ended, as the worker saw it. */
export type AttemptResult =
  | { readonly kind: 'success'; readonly result: unknown }
  | {
      readonly kind: 'failure';
      readonly code: string;
      readonly message: string;
      /** `permanent` failures are not tried again; `crash` means that the process under the attempt died. */
      readonly nature: FailureNature;
    };

export const TIMED_OUT: AttemptResult = {
  kind: 'failure',
  nature: 'timeout',
  code: 'timeout',
  message: 'The attempt took longer than its timeout.',
};

export type FailureNature = 'passing' | 'permanent' | 'timeout' | 'crash';
