import { type Goal, LOST, VOID, WON } from './line-event.state.js';

const OPEN: Goal = { to: 'open' };
const SUSPENDED: Goal = { to: 'suspended' };
const CLOSED: Goal = { to: 'closed' };
const SETTLED_WON: Goal = { to: 'settled', ending: WON };
const SETTLED_LOST: Goal = { to: 'settled', ending: LOST };
const SETTLED_VOID: Goal = { to: 'settled', ending: VOID };

/** The words for a status that services of this kind use. */
const WORDS: ReadonlyMap<string, Goal> = new Map<string, Goal>([
  ['open', OPEN],
  ['new', OPEN],
  ['active', OPEN],
  ['suspended', SUSPENDED],
  ['paused', SUSPENDED],
  ['closed', CLOSED],
  ['won', SETTLED_WON],
  ['win', SETTLED_WON],
  ['finished_win', SETTLED_WON],
  ['lost', SETTLED_LOST],
  ['lose', SETTLED_LOST],
  ['finished_lose', SETTLED_LOST],
  ['voided', SETTLED_VOID],
  ['void', SETTLED_VOID],
  ['cancelled', SETTLED_VOID],
  ['canceled', SETTLED_VOID],
]);

export const STATUS_WORDS: readonly string[] = [...WORDS.keys()];

/** In any case, with `-` or blanks for `_`. Undefined for a word that is none of them. */
export function goalOf(word: string): Goal | undefined {
  return WORDS.get(word.toLowerCase().replaceAll(/[ -]/g, '_'));
}
