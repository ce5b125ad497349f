import { type Book, GUARD_MS, type Holder, limitOf, outOf } from './book.js';
import { charge, closeAnchored, countedIn, nextRoomAt, prune } from './charges.js';
import {
  type Exchange,
  LEASE_MS,
  type Quota,
  type QuotaAnswer,
  type QuotaPhase,
  type QuotaState,
  WRITE_WITHIN_MS,
} from './quota.js';
import { settle } from './settle.js';

/** Granted at once to one holder at most where no limit is known. */
const UNLIMITED = 10_000;

const DRAIN_POLL_MS = 20;
const DRAIN_POLL_PER_HOLDER_MS = 8;

/**
 * One exchange: the outcomes are booked, then what became due with time, then tokens are granted. Changes the book in
 * place. The same steps, in the same order, are written in Lua for Redis; a test compares the two on random histories.
 */
export function step(book: Book, exchange: Exchange, now: number): QuotaAnswer {
  const { quota } = exchange;
  pass(book, quota, now);
  const known = book.holders[exchange.holder];
  if (known && exchange.seq <= known.seq) {
    return { ...answer(book, quota, now), granted: known.granted, lapsed: false };
  }
  const lapsed = (known?.out ?? 0) !== exchange.holds;
  const holder = (book.holders[exchange.holder] ??= newHolder());
  if (!lapsed) settle(book, holder, exchange, now);
  turn(book, quota, now);
  const { room, most } = roomFor(book, quota, now);
  const granted = lapsed ? 0 : Math.max(0, Math.min(exchange.wanted, room, most));
  give(book, holder, granted, { quota, now });
  Object.assign(holder, { seq: exchange.seq, granted, at: now });
  const told = answer(book, quota, now);
  return {
    ...told,
    retryAfterMs: granted < exchange.wanted ? told.retryAfterMs : 0,
    granted,
    lapsed,
  };
}

/** For people: what an exchange would find now. Changes the book as time does. */
export function stateOf(book: Book, quota: Quota, now: number): QuotaState {
  pass(book, quota, now);
  turn(book, quota, now);
  const { phase } = answer(book, quota, now);
  const { room } = roomFor(book, quota, now);
  return {
    providerId: quota.providerId,
    phase,
    remaining: limitOf(book, now) === 0 || quota.model === 'none' ? null : room,
    until: book.until === 0 ? null : book.until,
    epoch: book.epoch,
    holders: Object.keys(book.holders).length,
    out: outOf(book),
  };
}

/** What time and settings did since the last exchange. */
function pass(book: Book, quota: Quota, now: number): void {
  adopt(book, quota, now);
  for (const [id, holder] of Object.entries(book.holders)) {
    if (now - holder.at <= LEASE_MS) continue;
    if (holder.out > 0) giveUp(book, quota, holder, now);
    delete book.holders[id];
  }
  prune(book, quota, now);
}

function adopt(book: Book, quota: Quota, now: number): void {
  const limit = quota.limit ?? 0;
  if (book.model !== quota.model) {
    Object.assign(book, { model: quota.model, charges: [], used: 0, doubt: 0, evidenceAt: 0 });
    Object.assign(book, { anchorFrom: 0, anchorTo: 0, probes: 1 });
    book.until = quota.model === 'none' ? 0 : now + quota.periodMs + (quota.guardMs ?? GUARD_MS);
  } else if (limit > 0 && limit < book.limit) book.lastAt = Math.max(book.lastAt, now);
  book.limit = limit;
}

/** A dead holder wrote nothing later than its permits allowed, but it may have written all of them. */
function giveUp(book: Book, quota: Quota, holder: Holder, now: number): void {
  if (quota.model !== 'n_then_block') {
    charge(book, quota, { from: holder.since, to: now, calls: holder.out });
    return;
  }
  const writtenAt = Math.min(now, holder.grantAt + WRITE_WITHIN_MS);
  book.doubt += holder.out;
  book.doubtAt = Math.max(book.doubtAt, writtenAt);
  book.lastAt = Math.max(book.lastAt, writtenAt);
}

/** open → (draining) → blocked → open */
function turn(book: Book, quota: Quota, now: number): void {
  const out = outOf(book);
  if (quota.model === 'anchored') closeAnchored(book, quota, now, out);
  if (quota.model === 'n_then_block' && book.until === 0 && out === 0) drain(book, quota, now);
  if (book.until === 0 || now < book.until) return;
  // What was in doubt may still be free: a provider that counted less has not blocked, and has these calls left.
  if (book.doubt > 0) book.probes = Math.max(book.probes, book.doubt + 1);
  Object.assign(book, { until: 0, used: 0, doubt: 0, notBefore: 0, evidence: 0, evidenceAt: 0 });
  book.epoch += 1;
  book.openedAt = now;
}

/** All is answered, so the provider's own count settles what was in doubt; with nothing left it is blocked. */
function drain(book: Book, quota: Quota, now: number): void {
  if (book.doubt > 0 && book.evidenceAt > 0 && book.evidenceAt >= book.doubtAt) {
    book.used = Math.max(book.used, book.evidence);
    book.doubt = 0;
  }
  const limit = limitOf(book, now);
  if (limit === 0 || book.used + book.doubt < limit) return;
  book.until = Math.max(book.lastAt + quota.periodMs + (quota.guardMs ?? GUARD_MS), book.notBefore);
}

/** How many calls could be sent now, and how many of them one holder may have. */
function roomFor(book: Book, quota: Quota, now: number): { room: number; most: number } {
  if (book.until > 0) return { room: 0, most: 0 };
  const out = outOf(book);
  const limit = quota.model === 'none' ? 0 : limitOf(book, now);
  const counted =
    quota.model === 'n_then_block' ? book.used + book.doubt : countedIn(book, quota, now);
  const room = limit === 0 ? UNLIMITED : Math.max(0, limit - counted - out);
  if (book.probes > 0) return { room: out === 0 ? Math.min(1, room) : 0, most: 1 };
  const holders = Object.keys(book.holders).length;
  return { room, most: limit === 0 ? room : Math.max(1, Math.floor(room / (2 * holders))) };
}

function give(
  book: Book,
  holder: Holder,
  granted: number,
  { quota, now }: { quota: Quota; now: number },
): void {
  if (granted === 0) return;
  if (quota.model === 'anchored' && countedIn(book, quota, now) === 0 && outOf(book) === 0) {
    book.anchorFrom = now;
    book.anchorTo = 0;
  }
  if (holder.out === 0) holder.since = now;
  holder.out += granted;
  holder.grantAt = now;
}

function answer(book: Book, quota: Quota, now: number): Omit<QuotaAnswer, 'granted' | 'lapsed'> {
  const { room } = roomFor(book, quota, now);
  const out = outOf(book);
  const common = { epoch: book.epoch, now, lost: false };
  if (book.until > 0) return { ...common, phase: 'blocked', retryAfterMs: book.until - now };
  if (room > 0) return { ...common, phase: 'open', retryAfterMs: 0 };
  const holders = Object.keys(book.holders).length;
  const pollMs = DRAIN_POLL_MS + DRAIN_POLL_PER_HOLDER_MS * holders;
  const phase: QuotaPhase = out > 0 ? 'draining' : 'blocked';
  const isWindow = quota.model !== 'n_then_block' && book.probes === 0;
  if (!isWindow || countedIn(book, quota, now) === 0) {
    return { ...common, phase, retryAfterMs: pollMs };
  }
  const waitMs = Math.max(1, nextRoomAt(book, quota, now) - now);
  return { ...common, phase, retryAfterMs: out > 0 ? Math.min(waitMs, pollMs) : waitMs };
}

function newHolder(): Holder {
  return { seq: 0, granted: 0, out: 0, since: 0, grantAt: 0, at: 0 };
}
