import { type Link, SCOPES, type ScopeName } from './chain.module.js';
import type { Note } from './journal.js';

/** A link that was committed to the outbox, in the order of the commits of its key. */
export interface Appended extends Pick<Link, 'id' | 'key'> {
  readonly scope: ScopeName;
}

export interface AtScope {
  readonly scope: string;
  readonly id: string;
}

/** What the producer, the database, the dead letters and the journal of the processes say of a run. */
export interface Evidence {
  readonly attempts: number;
  /** Links whose request was answered by success. */
  readonly confirmed: ReadonlySet<string>;
  readonly appended: readonly Appended[];
  readonly effects: readonly AtScope[];
  readonly dead: readonly AtScope[];
  readonly notes: readonly Note[];
}

export interface Verdict {
  /** Links that the producer tried to append. */
  readonly attempts: number;
  /** Those of which it was told that they are. */
  readonly confirmed: number;
  /** Those that are: the confirmed ones, and some whose answer was lost. */
  readonly committed: number;
  /** Messages at consumers, all scopes together, with retries and duplicates. */
  readonly delivered: number;
  /** Scopes that a link never reached, in effect or as a dead letter; links that were confirmed in vain. */
  readonly lost: number;
  /** Deliveries beyond the first of an attempt. Harmless: a crash or a cut line repeats what it interrupted. */
  readonly duplicated: number;
  readonly effects: number;
  /** Effects beyond the first of a link in a scope, and effects of what is dead. */
  readonly doubled: number;
  /** Effects of what was never committed. */
  readonly unasked: number;
  /** Attempts that a handler of single messages began twice. */
  readonly repeated: number;
  /** Links that the ordered scope began before an earlier one of their key. */
  readonly disordered: number;
  readonly dead: number;
}

export function verdictOf({ attempts, confirmed, appended, ...seen }: Evidence): Verdict {
  const wanted = new Set(appended.flatMap((one) => reachedBy(one).map((scope) => at(scope, one))));
  const effects = seen.effects.map((one) => at(one.scope, one));
  const had = new Set(effects);
  const dead = new Set(seen.dead.map((one) => at(one.scope, one)));
  const committed = new Set(appended.map(({ id }) => id));
  const vain = [...confirmed].filter((id) => !committed.has(id)).length;
  const deliveries = of(seen.notes, 'delivered');
  const starts = of(seen.notes, 'started');
  return {
    attempts,
    confirmed: confirmed.size,
    committed: committed.size,
    delivered: deliveries.length,
    lost: vain + [...wanted].filter((one) => !had.has(one) && !dead.has(one)).length,
    duplicated: repetitionsIn(deliveries),
    effects: effects.length,
    doubled: effects.length - had.size + [...dead].filter((one) => had.has(one)).length,
    unasked: [...had].filter((one) => !wanted.has(one)).length,
    repeated: repetitionsIn(starts.filter(({ scope }) => scope !== 'third')),
    disordered: disorderOf(appended, starts),
    dead: dead.size,
  };
}

/** What must hold after any fault. Every number is told when one of them is wrong. */
export function expectNothingLostNorDoubled(verdict: Verdict): void {
  expect(verdict).toMatchObject({ lost: 0, doubled: 0, unasked: 0, disordered: 0 });
}

function reachedBy({ scope }: Appended): readonly ScopeName[] {
  return scope === 'first' ? SCOPES : [scope];
}

function at(scope: string, { id }: { readonly id: string }): string {
  return `${scope} ${id}`;
}

function of(notes: readonly Note[], what: Note['what']): Note[] {
  return notes.filter((note) => note.what === what);
}

function repetitionsIn(notes: readonly Note[]): number {
  return notes.length - new Set(notes.map((one) => `${at(one.scope, one)} ${one.attempt}`)).size;
}

/** A link may begin again, after a crash; what counts is when it began first. */
function disorderOf(appended: readonly Appended[], starts: readonly Note[]): number {
  const order = new Map(appended.map(({ id, key }, place) => [id, { key, place }]));
  const begun = new Set(starts.filter(({ scope }) => scope === 'first').map(({ id }) => id));
  const latest = new Map<string, number>();
  let disordered = 0;
  for (const id of begun) {
    const { key, place } = order.get(id) ?? { key: '', place: 0 };
    const before = latest.get(key) ?? -1;
    if (place < before) disordered += 1;
    latest.set(key, Math.max(place, before));
  }
  return disordered;
}
