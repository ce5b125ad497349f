import type {
  AmbiguityClass,
  MessageError,
  MessageState,
  MessageStatus,
  ProviderWish,
} from './domain/message.state.js';

/** A row of `providers.message` as the driver returns it. */
export interface MessageRow {
  readonly id: string;
  readonly owner_id: string;
  readonly state: MessageStatus;
  readonly wish: ProviderWish;
  readonly provider: string | null;
  readonly pinned: boolean;
  readonly max_wait_ms: number;
  readonly when_ambiguous: AmbiguityClass;
  readonly payload: unknown;
  readonly response: unknown;
  readonly error: MessageError | null;
  readonly attempts: number;
  readonly failures: number;
  /** A Postgres bigint as text. */
  readonly cost_micros: string;
  readonly run_at: Date;
  readonly created_at: Date;
  readonly finished_at: Date | null;
  readonly correlation_id: string;
  readonly traceparent: string;
}

export function toState(row: MessageRow): MessageState {
  return {
    id: row.id,
    ownerId: row.owner_id,
    status: row.state,
    wish: row.wish,
    provider: row.provider,
    pinned: row.pinned,
    maxWaitMs: row.max_wait_ms,
    whenAmbiguous: row.when_ambiguous,
    payload: row.payload,
    response: row.response,
    error: row.error,
    attempts: row.attempts,
    failures: row.failures,
    costMicros: Number(row.cost_micros),
    runAt: row.run_at,
    createdAt: row.created_at,
    finishedAt: row.finished_at,
    correlationId: row.correlation_id,
    traceparent: row.traceparent,
  };
}

/** Turns things into the parallel arrays that `unnest` takes, one per column. */
export function columnsOf<T>(items: readonly T[], columns: readonly ((item: T) => unknown)[]) {
  return columns.map((column) => items.map(column));
}

export function jsonOrNull(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}
