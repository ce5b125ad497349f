import { type Quota, type QuotaModel, type Recovered, WRITE_WITHIN_MS } from './quota.js';

export const GUARD_MS = 30;

/** A process that holds tokens, or asked lately. */
export interface Holder {
  /** Of its last exchange, and what that granted: a repeated one is answered alike. */
  seq: number;
  granted: number;
  out: number;
  /** When the oldest of the tokens out may have been granted. */
  since: number;
  grantAt: number;
  at: number;
}

/**
 * All that is known of one provider's quota: one JSON document, whole numbers only, written by `step` here and by the
 * same steps in Lua (`quota-script.ts`). Instants are on the store's clock; 0 stands for none.
 */
export interface Book {
  model: QuotaModel;
  /** As configured at the last exchange; 0: unknown. */
  limit: number;
  epoch: number;
  openedAt: number;
  /** End of the block; 0 while open. */
  until: number;
  /** `n_then_block`: calls of this epoch that were certainly counted. */
  used: number;
  /** `n_then_block`: calls of this epoch that may have been counted. What is told after `doubtAt` settles it. */
  doubt: number;
  doubtAt: number;
  /** The provider's highest count in this epoch, and the latest grant among the calls that were told one. */
  evidence: number;
  evidenceAt: number;
  /** `n_then_block`: the last moment at which a call of this epoch may have been counted. */
  lastAt: number;
  /** The provider said that it takes nothing before. */
  notBefore: number;
  /** Calls to be sent one at a time before the rest is. */
  probes: number;
  /** 429s since the last accepted call. */
  refusals: number;
  /** A lower limit that the provider told, until `capUntil`. */
  cap: number;
  capUntil: number;
  /** `anchored`: the window was opened between the two; `anchorFrom` 0: not known, `anchorTo` 0: not yet. */
  anchorFrom: number;
  anchorTo: number;
  /** `aligned`: bounds of the provider's clock minus ours; unknown while from > to. Calls before `clockAt` had another clock. */
  clockFrom: number;
  clockTo: number;
  clockAt: number;
  /** Window models: calls that still count, as triples: counted not before, not after, how many. */
  charges: number[];
  holders: Record<string, Holder>;
}

/** Of a provider that was never called. */
function emptyBook(quota: Quota): Book {
  return {
    model: quota.model,
    limit: quota.limit ?? 0,
    epoch: 1,
    openedAt: 0,
    until: 0,
    used: 0,
    doubt: 0,
    doubtAt: 0,
    evidence: 0,
    evidenceAt: 0,
    lastAt: 0,
    notBefore: 0,
    probes: 0,
    refusals: 0,
    cap: 0,
    capUntil: 0,
    anchorFrom: 0,
    anchorTo: 0,
    clockFrom: 1,
    clockTo: 0,
    clockAt: 0,
    charges: [],
    holders: {},
  };
}

/** A book where there was none. Without recovery everything may have been sent, up to this very moment. */
export function newBook(quota: Quota, recovered: Recovered | undefined, now: number): Book {
  const book = emptyBook(quota);
  if (quota.model === 'none' || recovered?.used === 0) return book;
  if (!recovered) exhaust(book, quota, now + WRITE_WITHIN_MS);
  else if (quota.model === 'n_then_block') {
    book.used = recovered.used;
    book.lastAt = recovered.lastAt;
    book.probes = 1;
  } else book.charges.push(recovered.lastAt, recovered.lastAt, recovered.used);
  return book;
}

/**
 * Blocked for a period. A provider that blocks may be in mid-epoch even then, as nobody knows what it has counted: so
 * one call at a time.
 */
function exhaust(book: Book, quota: Quota, lastAt: number): void {
  book.until = lastAt + quota.periodMs + (quota.guardMs ?? GUARD_MS);
  if (quota.model === 'n_then_block') book.doubt = Math.max(1, book.limit);
}

export function outOf(book: Book): number {
  return Object.values(book.holders).reduce((sum, { out }) => sum + out, 0);
}

/** The least of what is configured and what the provider told; 0: not known. */
export function limitOf(book: Book, now: number): number {
  const cap = now < book.capUntil ? book.cap : 0;
  if (cap === 0 || book.limit === 0) return Math.max(cap, book.limit);
  return Math.min(cap, book.limit);
}
