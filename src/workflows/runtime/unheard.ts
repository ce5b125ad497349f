import { Injectable } from '@nestjs/common';
import { NewsRepository } from '../news.repository.js';
import type { Wanted } from './gathered.js';
import type { Instance } from './instance.js';
import { listenMessage } from './messages.js';
import type { Movement } from './movement.js';

type Wish = Wanted<'subscribe'>;

/** Gives those that begin to wait what has come before: buffered messages, and the last reports of criteria. */
@Injectable()
export class Unheard {
  constructor(private readonly news: NewsRepository) {}

  async listen(movement: Movement): Promise<void> {
    const wishes = movement.gathered.unheard.splice(0).filter(isStillWaiting);
    if (wishes.length === 0) return;
    const free = await this.news.tryLock(wishes.map(({ effect }) => effect.name));
    for (const wish of wishes)
      if (!free.has(wish.effect.name)) movement.gathered.messages.push(listenMessage(wish));
    const now = wishes.filter(({ effect }) => free.has(effect.name));
    await this.#takeMessages(
      movement,
      now.filter(({ effect }) => effect.to === 'message'),
    );
    await this.#hearReports(
      movement,
      now.filter(({ effect }) => effect.to === 'signal'),
    );
  }

  /** Of several that wish for the same message the first gets it; the others look again until nothing is left. */
  async #takeMessages(movement: Movement, wishes: readonly Wish[]): Promise<void> {
    let open = wishes;
    while (open.length > 0) {
      const found = await this.news.buffered(
        open.map(({ effect }) => effect),
        movement.now,
      );
      const taken = new Set<string>();
      const again: Wish[] = [];
      for (const { place, id, name, key, data } of found) {
        const wish = open[place];
        if (!wish) continue;
        if (taken.has(id)) again.push(wish);
        else if (
          !movement.decide(wish.instance, {
            type: 'message',
            name,
            key,
            data,
            token: wish.effect.token,
          })
        )
          taken.add(id);
      }
      if (taken.size > 0) await this.news.forget([...taken]);
      open = taken.size > 0 ? again.filter(isStillWaiting) : [];
    }
  }

  async #hearReports(movement: Movement, wishes: readonly Wish[]): Promise<void> {
    if (wishes.length === 0) return;
    const reports = await this.news.reported(wishes.map(({ effect }) => effect));
    for (const { place, data } of reports) {
      const wish = wishes[place];
      // The engine gives a signal to all that wait for it, and a plain wait must not hear what was before it.
      if (!wish || !isStillWaiting(wish) || hasPlainWait(wish.instance, wish.effect.name)) continue;
      const { name, key } = wish.effect;
      movement.decide(wish.instance, { type: 'signal', name, key, data });
    }
  }
}

const subscriptionOf = ({ instance, effect }: Wish) =>
  instance.state.tokens.get(effect.token)?.subscriptions?.[effect.slot];

const isStillWaiting = (wish: Wish): boolean => subscriptionOf(wish) !== undefined;

/** How the engine names the slots of criteria. */
const CRITERION = 'criterion';

const hasPlainWait = ({ state }: Instance, name: string): boolean =>
  [...state.tokens.values()].some(({ subscriptions = {} }) =>
    Object.entries(subscriptions).some(
      ([slot, one]) => one.to === 'signal' && one.name === name && !slot.startsWith(CRITERION),
    ),
  );
