/** Ways that a message goes: `sending` is held by one process; the last three are final. */
export const MESSAGE_STATES = [
  'queued',
  'waiting',
  'sending',
  'succeeded',
  'failed',
  'ambiguous',
] as const;
export type MessageStatus = (typeof MESSAGE_STATES)[number];

export const FINAL_STATES = ['succeeded', 'failed', 'ambiguous'] as const;

/** Which provider may process a message; `auto`: the free one, else the paid one where the owner may use it. */
export const PROVIDER_WISHES = ['auto', 'free', 'paid'] as const;
export type ProviderWish = (typeof PROVIDER_WISHES)[number];

/** What becomes of a message of whose call nobody knows whether it was processed. */
export const AMBIGUITY_CLASSES = ['keep', 'resend'] as const;
export type AmbiguityClass = (typeof AMBIGUITY_CLASSES)[number];

export interface MessageError {
  readonly code: string;
  readonly message: string;
  /** When the same message may succeed, as RFC 3339. */
  readonly retry_at?: string;
}

export interface MessageSpec {
  readonly ownerId: string;
  readonly payload: unknown;
  readonly wish: ProviderWish;
  /** How long it may wait for the free provider. */
  readonly maxWaitMs: number;
  readonly whenAmbiguous: AmbiguityClass;
  readonly correlationId: string;
  readonly traceparent: string;
}

export interface MessageState extends MessageSpec {
  readonly id: string;
  readonly status: MessageStatus;
  /** The provider of the last call. */
  readonly provider: string | null;
  /** The next call must go to the same provider, which recognises it by its idempotency key. */
  readonly pinned: boolean;
  /** Calls written to the journal, refunded ones included. */
  readonly attempts: number;
  /** Calls that failed, or whose outcome is unknown. */
  readonly failures: number;
  readonly response: unknown;
  readonly error: MessageError | null;
  readonly costMicros: number;
  readonly runAt: Date;
  readonly createdAt: Date;
  readonly finishedAt: Date | null;
}

/** How one call of a provider ended. Only `unsent` is certain never to have reached it. */
export type CallResult =
  | { readonly kind: 'answered'; readonly response: unknown }
  /** 429: the provider takes no more calls for a while. */
  | { readonly kind: 'refused' }
  /** The request, or the answer to it, is such that repeating it cannot help. */
  | { readonly kind: 'rejected'; readonly code: string; readonly message: string }
  /** The provider says that it failed. */
  | { readonly kind: 'broken'; readonly code: string; readonly message: string }
  | { readonly kind: 'unsent'; readonly code: string; readonly message: string }
  /** Written, and no answer: a timeout, a lost connection, a crash of ours. */
  | { readonly kind: 'unknown'; readonly code: string; readonly message: string };

export interface Call {
  readonly provider: string;
  /** The provider answers a repetition with the same idempotency key without doing the work again. */
  readonly honoursKeys: boolean;
  readonly costMicros: number;
  readonly result: CallResult;
}
