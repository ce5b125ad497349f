/** The right to write one call to a provider's socket. Tell its outcome exactly once; later outcomes are ignored. */
export interface Permit {
  readonly granted: true;
  readonly epoch: number;
  /**
   * Call it in the same turn as the write, as near to it as can be. False: the permit has run out (a frozen process, a full
   * connection pool) and its token is given back; write nothing and acquire anew.
   */
  beforeWrite(): boolean;
  /** The provider took the call. `headers` as received, lower-case names. */
  accepted(headers?: ResponseHeaders): void;
  /** Certainly not a byte was written: the token is refunded. */
  unsent(): void;
  /** Written, but the answer is not known: the token counts as used. */
  ambiguous(): void;
  /** 429: the provider is blocked, whatever was counted. `headers` may tell for how long. */
  refused(headers?: ResponseHeaders): void;
}

export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** No token within the time that the caller could wait. */
export interface Denial {
  readonly granted: false;
  /** When asking again can help. */
  readonly retryAfterMs: number;
  readonly phase: 'draining' | 'blocked' | 'unavailable';
}

export interface AcquireOptions {
  /** 0 (default): tokens now or a denial. Waiters are served in order, from the moment of the reset. */
  readonly maxWaitMs?: number;
  readonly signal?: AbortSignal;
}
