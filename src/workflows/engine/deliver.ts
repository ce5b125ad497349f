import type { Json } from '../definition/json.js';
import { boundaryOf } from './activate.js';
import { trigger } from './boundary.js';
import type { Rejection, WorkflowCommand } from './commands.js';
import { reconsiderCriteria } from './criteria.js';
import { reportKey } from './evolve.js';
import type { Run } from './run.js';
import type { Subscription, Token } from './state.js';

type News = Extract<WorkflowCommand, { type: 'message' | 'signal' }>;

interface Taker {
  readonly token: Token;
  readonly slot: string;
  readonly subscription: Subscription;
}

/** A message is taken by one token. Rejected when none waits for it: whoever keeps messages keeps it on. */
export function deliverMessage(run: Run, command: Extract<News, { type: 'message' }>) {
  const [taker] = takersOf(command, candidates(run, command.token));
  if (!taker) return nobodyWaits(command);
  give(run, taker, command.data ?? null);
  return undefined;
}

/** A signal is heard by all who wait for it now; a criterion remembers it as its last report. */
export function deliverSignal(run: Run, command: Extract<News, { type: 'signal' }>) {
  const takers = takersOf(command, run.state.tokens.values());
  if (takers.length === 0) return nobodyWaits(command);
  const data = command.data ?? null;
  const criteria = takers.filter(({ slot }) => slot.startsWith('criterion'));
  for (const key of new Set(criteria.map(({ subscription }) => subscription.key)))
    run.record({ type: 'reported', name: command.name, key, data, at: run.now });
  for (const token of new Set(criteria.map((taker) => taker.token))) reconsiderCriteria(run, token);
  for (const taker of takers) if (!criteria.includes(taker)) give(run, taker, data);
  return undefined;
}

function candidates(run: Run, id: number | undefined): Iterable<Token> {
  if (id === undefined) return run.state.tokens.values();
  const token = run.state.tokens.get(id);
  return token ? [token] : [];
}

function takersOf(news: News, tokens: Iterable<Token>): Taker[] {
  const takers: Taker[] = [];
  for (const token of tokens)
    for (const [slot, subscription] of Object.entries(token.subscriptions ?? {}))
      if (isFor(news, subscription) && isOpen(token, slot))
        takers.push({ token, slot, subscription });
  return takers;
}

const isFor = (news: News, { to, name, key }: Subscription): boolean =>
  to === news.type && name === news.name && (key === null || key === (news.key ?? null));

/** Boundary events are taken also while their node has an incident or is blocked. */
const isOpen = (token: Token, slot: string): boolean =>
  slot.startsWith('on') || token.status === 'waiting';

function give(run: Run, { token, slot }: Taker, data: Json): void {
  if (!run.state.tokens.has(token.id)) return; // withdrawn by what another taker has begun
  const node = run.node(token);
  const boundary = boundaryOf(node, slot);
  if (boundary) trigger(run, token, boundary.event, data);
  else run.finish(token, node.outcomes[0] ?? 'done', data);
}

const nobodyWaits = ({ type, name }: News): Rejection => ({
  code: 'nobody-waits',
  message: `Nothing in the instance waits for the ${type} ${reportKey(name, null)}.`,
});
