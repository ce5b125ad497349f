/**
 * How a provider limits its callers.
 * - `n_then_block`: takes `limit` calls, then none for `periodMs` from the last of them.
 * - `aligned`: `limit` calls per window of its clock, `periodMs` long.
 * - `sliding`: `limit` calls in any `periodMs`.
 * - `anchored`: the first call opens a window of `periodMs` that takes `limit` calls.
 * - `none`: as many as one pays for.
 */
export const QUOTA_MODELS = ['n_then_block', 'aligned', 'sliding', 'anchored', 'none'] as const;
export type QuotaModel = (typeof QUOTA_MODELS)[number];

/** The limits of one provider, as configured. A change counts from the next exchange on. */
export interface Quota {
  readonly providerId: string;
  readonly model: QuotaModel;
  /** `null`: not known. Calls are sent until one is refused, then one at a time until one is taken again. */
  readonly limit: number | null;
  /** The block or the window. */
  readonly periodMs: number;
  /** Added to the end of every block and window, for the way there and for clocks that run apart. Default 30. */
  readonly guardMs?: number;
}

/** A holder that has tokens out and is silent for so long is taken for dead. */
export const LEASE_MS = 2_000;

/** A token that was not written so long after it was asked for must not be written any more. */
export const WRITE_WITHIN_MS = 250;

/** What the answer to an accepted call told about the quota. */
export interface Told {
  /** Calls that the provider said it would still take after this one. */
  readonly remaining: number;
  /** Its own idea of the limit, where it told one. */
  readonly limit: number | null;
  /** When it will take more, in milliseconds from the answer; whole seconds on the wire. */
  readonly resetMs: number | null;
  /** Store time of the grant for this call. */
  readonly grantedAt: number;
}

/** Bounds of the provider's clock minus the store's, from a `Date` header and the times around the call. */
export interface ClockBounds {
  readonly from: number;
  readonly to: number;
}

/** Outcomes since the last exchange, and wishes. */
export interface Exchange {
  readonly quota: Quota;
  /** One per gate, new with every process. */
  readonly holder: string;
  /** Counts up from 1; a repeated exchange repeats it. */
  readonly seq: number;
  /** Tokens out as the holder knows it, before the outcomes below. */
  readonly holds: number;
  readonly accepted: number;
  /** Written, and never answered. */
  readonly ambiguous: number;
  /** Certainly not written: refunded. */
  readonly unsent: number;
  /** Answered with 429: not counted by the provider. */
  readonly refused: number;
  /** Store time of the earliest grant among those accepted and ambiguous; 0 without any. */
  readonly since: number;
  /** Since the last of the outcomes was known. */
  readonly agoMs: number;
  /** Of the accepted call with the least `remaining`; `null` when any of them told nothing. */
  readonly told: Told | null;
  /** Of the refused call of the latest epoch: what it said to wait, `null` when it said nothing. */
  readonly refusal: { readonly epoch: number; readonly retryAfterMs: number | null } | null;
  readonly clock: ClockBounds | null;
  /** Tokens to be granted now, those ahead of need among them. */
  readonly wanted: number;
}

export type QuotaPhase = 'open' | 'draining' | 'blocked' | 'unknown';

export interface QuotaAnswer {
  readonly granted: number;
  /** Goes up with every block that ended. A refusal of an older epoch says nothing about this one. */
  readonly epoch: number;
  readonly phase: QuotaPhase;
  /** Until asking again can help; 0 when everything wanted was granted. */
  readonly retryAfterMs: number;
  /** The store's clock, in milliseconds since 1970. */
  readonly now: number;
  /** The holder was taken for dead: nothing that it still holds may be written, and no outcome of it is wanted. */
  readonly lapsed: boolean;
  /** There is no book: wait for {@link LEASE_MS}, recover, restore. Nothing that was held may be written. */
  readonly lost: boolean;
}

/** For people and the API. */
export interface QuotaState {
  readonly providerId: string;
  readonly phase: QuotaPhase;
  /** Calls that could be sent now; `null` without a known limit. */
  readonly remaining: number | null;
  /** End of the block, in milliseconds since 1970; `null` when not blocked. */
  readonly until: number | null;
  readonly epoch: number;
  /** Processes that hold tokens or asked lately. */
  readonly holders: number;
  /** Tokens that are out. */
  readonly out: number;
}

/** What a dispatch journal knows of a provider's calls, for an epoch or window whose book was lost. */
export interface Recovered {
  /** Calls that were, or may have been, sent in the last epoch (`n_then_block`) or the last period (windows). */
  readonly used: number;
  /** When the last of them may have been counted, in milliseconds since 1970. */
  readonly lastAt: number;
}
