import { type Book, type Holder, limitOf, outOf } from './book.js';
import { charge, possiblyCounted } from './charges.js';
import type { Exchange, Told } from './quota.js';

const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 60_000;

/** `t` and `Retry-After` come in whole seconds, rounded in any way: that much of them may be too much. */
const SECOND_MS = 1_000;

/** Books the outcomes of one holder's calls. */
export function settle(book: Book, holder: Holder, exchange: Exchange, now: number): void {
  const { accepted, ambiguous, unsent, refused, quota } = exchange;
  const at = now - exchange.agoMs;
  const counted = accepted + ambiguous;
  holder.out -= counted + unsent + refused;
  learnClock(book, exchange, now);
  if (counted > 0 && quota.model === 'n_then_block') {
    book.used += accepted;
    book.lastAt = Math.max(book.lastAt, at);
  } else if (counted > 0 && quota.model !== 'none') {
    charge(book, quota, { from: exchange.since, to: at, calls: counted });
    if (book.anchorFrom > 0 && book.anchorTo === 0) book.anchorTo = at;
  }
  if (ambiguous > 0 && quota.model === 'n_then_block') {
    book.doubt += ambiguous;
    book.doubtAt = Math.max(book.doubtAt, at);
  }
  if (accepted > 0) accept(book, exchange, at, now);
  refuse(book, exchange, at);
}

function accept(book: Book, exchange: Exchange, at: number, now: number): void {
  const { accepted, told, quota } = exchange;
  book.refusals = 0;
  const isOld = told !== null && told.grantedAt < book.openedAt;
  if (told) learn(book, told, quota.periodMs, { at, now });
  else book.doubtAt = Math.max(book.doubtAt, at); // counted, and nobody knows as which
  const limit = told?.limit ?? limitOf(book, now);
  if (!told || isOld || limit === 0) {
    book.probes = Math.max(0, book.probes - accepted);
    return;
  }
  const counted = Math.max(0, limit - told.remaining);
  if (quota.model === 'n_then_block') compare(book, told, counted, accepted);
  else {
    book.probes = 0;
    const ours = possiblyCounted(book, quota, told.grantedAt) + outOf(book);
    const others = counted - ours;
    if (others > 0) charge(book, quota, { from: told.grantedAt, to: now, calls: others });
  }
}

/** The provider's own count, when it took a call of this epoch, with ours. */
function compare(book: Book, told: Told, counted: number, accepted: number): void {
  const out = outOf(book);
  book.evidence = Math.max(book.evidence, counted);
  book.evidenceAt = Math.max(book.evidenceAt, told.grantedAt);
  if (book.probes > 0 && out === 0) {
    book.probes = 0; // it was alone, so this is exact, in whichever epoch the provider is
    book.used = counted;
    return;
  }
  book.probes = Math.max(0, book.probes - accepted);
  // More than all that we can have sent: somebody else uses the same quota.
  book.used += Math.max(0, counted - book.used - book.doubt - out);
}

/** What the provider tells can only make us more careful. */
function learn(
  book: Book,
  told: Told,
  periodMs: number,
  { at, now }: { at: number; now: number },
): void {
  if (told.limit !== null) {
    const isLower = book.limit === 0 || told.limit < book.limit;
    book.cap = isLower ? told.limit : 0;
    book.capUntil = isLower ? now + 2 * periodMs : 0;
  }
  if (told.remaining === 0 && told.resetMs !== null && told.grantedAt >= book.openedAt) {
    book.notBefore = Math.max(book.notBefore, at + told.resetMs - SECOND_MS);
  }
}

/** 429 is truth. One of an older epoch is old: the block it speaks of has ended. */
function refuse(book: Book, { refusal, quota }: Exchange, at: number): void {
  if (!refusal || refusal.epoch < book.epoch) return;
  const backoffMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(book.refusals, 20));
  book.refusals += 1;
  const isLimited = book.limit > 0 && quota.model !== 'none';
  const saidMs = refusal.retryAfterMs ?? (isLimited ? quota.periodMs : 0);
  book.until = Math.max(book.until, at + Math.max(saidMs, backoffMs));
  book.probes = 1;
  book.doubt = 0; // it is blocked, so it has counted enough, and will begin anew
  book.evidence = book.evidenceAt = 0;
}

function learnClock(book: Book, { clock }: Exchange, now: number): void {
  if (!clock) return;
  const from = Math.max(book.clockFrom, clock.from);
  const to = Math.min(book.clockTo, clock.to);
  const isKnown = book.clockFrom <= book.clockTo;
  if (isKnown && from <= to) {
    book.clockFrom = from;
    book.clockTo = to;
    return;
  }
  book.clockFrom = clock.from;
  book.clockTo = clock.to;
  if (isKnown) book.clockAt = now; // it jumped
}
