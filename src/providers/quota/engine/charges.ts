import { type Book, GUARD_MS } from './book.js';
import type { Quota } from './quota.js';

/** Charges of one window are kept in about so many groups: a call may count for 1/400 of the window too long. */
const GROUPS = 400;

/** Calls that may have been counted at any moment between the two instants. */
export function charge(
  book: Book,
  quota: Quota,
  { from, to, calls }: { from: number; to: number; calls: number },
): void {
  const grain = Math.max(1, Math.floor(quota.periodMs / GROUPS));
  const until = Math.ceil(to / grain) * grain;
  const { charges } = book;
  for (let n = charges.length - 3; n >= 0; n -= 3) {
    if (charges[n + 1] !== until) continue;
    charges[n] = Math.min(charges[n] ?? from, from);
    charges[n + 2] = (charges[n + 2] ?? 0) + calls;
    return;
  }
  charges.push(from, until, calls);
}

/** Answers may come so late, and tell of calls that have expired since. */
const LATE_MS = 2_000;

/** Forgets the calls that cannot count any more, however the provider counts, nor explain a late answer. */
export function prune(book: Book, quota: Quota, now: number): void {
  const expired = expiredAt(quota, now) - Math.min(LATE_MS, quota.periodMs);
  const { charges } = book;
  let kept = 0;
  for (let n = 0; n < charges.length; n += 3) {
    if ((charges[n + 1] ?? 0) <= expired) continue;
    charges.copyWithin(kept, n, n + 3);
    kept += 3;
  }
  charges.length = kept;
}

/**
 * Calls that count against a call sent now. Any window of the provider, wherever it begins, lies within the last
 * period: so all calls of that time is always a safe answer, and the only one unless its clock is known.
 */
export function countedIn(book: Book, quota: Quota, now: number): number {
  const expired = expiredAt(quota, now);
  const all = sumOf(book, (_from, to) => to > expired);
  if (book.model !== 'aligned' || book.clockFrom > book.clockTo) return all;
  let most = 0;
  const [first, last] = windowsAt(book, quota, now, now);
  for (let window = first; window <= last; window += 1) {
    const inWindow = sumOf(book, (from, to) => {
      if (to <= expired) return false;
      if (from < book.clockAt) return true;
      const [earliest, latest] = windowsAt(book, quota, from, to);
      return earliest <= window && window <= latest;
    });
    most = Math.max(most, inWindow);
  }
  return most;
}

/** When the count can next become less; call it only when it is above zero. */
export function nextRoomAt(book: Book, quota: Quota, now: number): number {
  const guard = quota.guardMs ?? GUARD_MS;
  let at = now + quota.periodMs + guard;
  for (let n = 1; n < book.charges.length; n += 3) {
    const to = book.charges[n] ?? 0;
    if (to > expiredAt(quota, now)) at = Math.min(at, to + quota.periodMs + guard);
  }
  if (book.model === 'anchored' && book.anchorTo > 0) {
    at = Math.min(at, book.anchorTo + quota.periodMs + guard);
  }
  if (book.model === 'aligned' && book.clockFrom <= book.clockTo) {
    const [first] = windowsAt(book, quota, now, now);
    at = Math.min(at, (first + 1) * quota.periodMs - book.clockFrom + guard);
  }
  return at;
}

/** `anchored`: the window is certainly over; with all calls certainly in it, the provider knows none of them any more. */
export function closeAnchored(book: Book, quota: Quota, now: number, out: number): void {
  if (book.anchorTo === 0) return;
  if (now < book.anchorTo + quota.periodMs + (quota.guardMs ?? GUARD_MS)) return;
  const earliestEnd = book.anchorFrom + quota.periodMs;
  const isClean = out === 0 && sumOf(book, (_from, to) => to >= earliestEnd) === 0;
  if (isClean) {
    book.charges.length = 0;
    book.epoch += 1;
    book.openedAt = now;
  }
  // Else one of them may have opened the next window, nobody knows when: until a quiet period, any window is assumed.
  book.anchorFrom = 0;
  book.anchorTo = 0;
}

/** The provider's windows that a call may fall into which is counted between the two instants of our clock. */
function windowsAt(book: Book, quota: Quota, from: number, to: number): [number, number] {
  const guard = quota.guardMs ?? GUARD_MS;
  return [
    Math.floor((from + book.clockFrom - guard) / quota.periodMs),
    Math.floor((to + book.clockTo + guard) / quota.periodMs),
  ];
}

/** Calls counted at this moment or before do not count now. */
function expiredAt(quota: Quota, now: number): number {
  return now - quota.periodMs - (quota.guardMs ?? GUARD_MS);
}

/** Calls that can be in the count that the provider told in its answer to a call granted at `grantedAt`. */
export function possiblyCounted(book: Book, quota: Quota, grantedAt: number): number {
  return sumOf(book, (_from, to) => to > grantedAt - quota.periodMs);
}

function sumOf(book: Book, counts: (from: number, to: number) => boolean): number {
  let sum = 0;
  const { charges } = book;
  for (let n = 0; n < charges.length; n += 3) {
    if (counts(charges[n] ?? 0, charges[n + 1] ?? 0)) sum += charges[n + 2] ?? 0;
  }
  return sum;
}
