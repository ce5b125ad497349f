import type { Run } from './run.js';
import { NOBODY, type Subscription, type Token } from './state.js';

/** Takes tokens away with all that lies in them, and tells the outside to stop what it does for them. */
export function withdraw(run: Run, tokens: readonly Token[]): void {
  const gone = withContents(run, tokens);
  if (gone.length === 0) return;
  for (const token of gone) {
    disarm(run, token);
    run.cancelWork(token);
    if (token.incident) run.ask({ type: 'resolve_incident', token: token.id, node: token.node });
  }
  const ids = new Set(gone.map(({ id }) => id));
  // From the inside outwards, so that each is taken out of something that is still there.
  run.record({ type: 'tokens_withdrawn', tokens: [...ids].reverse() });
  const around = new Set(gone.map(({ scope }) => scope).filter((scope) => !ids.has(scope)));
  for (const token of around) run.queue({ do: 'close', token });
  for (const { mutex } of gone) passMutexOn(run, mutex);
}

export function withdrawInside(run: Run, token: Token): void {
  if (token.live === 0) return;
  const inside = [...run.state.tokens.values()].filter(({ scope }) => scope === token.id);
  withdraw(run, inside);
}

/** Whatever lies in a token is younger than it, so one pass in the order of ids finds all. */
function withContents(run: Run, tokens: readonly Token[]): readonly Token[] {
  if (tokens.every(({ live }) => live === 0)) return tokens;
  const ids = new Set(tokens.map(({ id }) => id));
  const found: Token[] = [];
  for (const token of run.state.tokens.values()) {
    if (!ids.has(token.id) && !ids.has(token.scope)) continue;
    ids.add(token.id);
    found.push(token);
  }
  return found;
}

/** Ends the timers and subscriptions of a token. */
export function disarm(run: Run, token: Token): void {
  if (token.timers)
    for (const timer of Object.keys(token.timers))
      run.ask({ type: 'cancel_timer', token: token.id, timer });
  if (token.subscriptions)
    for (const [slot, subscription] of Object.entries(token.subscriptions))
      run.ask(subscriptionEffect('unsubscribe', token.id, slot, subscription));
}

export function subscriptionEffect(
  type: 'subscribe' | 'unsubscribe',
  token: number,
  slot: string,
  { to, name, key }: Subscription,
) {
  return { type, token, slot, to, name, key, remembered: slot.startsWith('criterion') } as const;
}

/** The mutex of a token that is gone goes to the one that has waited longest. */
export function passMutexOn(run: Run, name: string | undefined): void {
  const mutex = name === undefined ? undefined : run.state.mutexes[name];
  const [token] = mutex?.holder === NOBODY ? mutex.queue : [];
  if (token === undefined) return;
  run.record({ type: 'token_released', token });
  run.queue({ do: 'step', token });
}
