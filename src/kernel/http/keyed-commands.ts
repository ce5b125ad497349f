import { Injectable } from '@nestjs/common';
import type { Outcome } from '../cqrs/handles.js';
import { DomainError } from '../domain/domain-error.js';
import { currentKeyedRequest, identify, keyReused } from './idempotency.js';
import { type IdempotencyKey, IdempotencyStore } from './idempotency.store.js';

/** The key of the request that a command came with. */
export interface CommandKey extends IdempotencyKey {
  /** Tells the client that it gets an answer that was given before. */
  readonly replayed: () => void;
}

/** For the constructor of a command whose batch handler answers by {@link KeyedCommands}. Throws for a broken key. */
export function currentCommandKey(): CommandKey | undefined {
  const keyed = currentKeyedRequest();
  if (!keyed) return undefined;
  return {
    ...identify(keyed),
    replayed: () => void keyed.reply.header('idempotency-replayed', 'true'),
  };
}

/**
 * `Idempotency-Key` for commands that share transactions, where `@Idempotent()` would give each request one of its own.
 * The same promise: the keys, the effects and the answers of a batch are committed together, a command that fails
 * leaves its key free, and the same request is answered from then on as it was the first time (with status 201).
 */
@Injectable()
export class KeyedCommands {
  constructor(private readonly store: IdempotencyStore) {}

  /** Call it first in the handler. `work` gets the commands that are to be done, and answers one outcome for each. */
  async answer<C extends { readonly key: CommandKey | undefined }, R>(
    commands: readonly C[],
    work: (fresh: readonly C[]) => Promise<readonly Outcome<R>[]>,
  ): Promise<Outcome<R>[]> {
    const first = firstOfEachKey(commands);
    const outcomes = await this.#known<C, R>([...first.values()]);
    const fresh = commands.filter(
      (command) =>
        !outcomes.has(command) && (!command.key || first.get(nameOf(command.key)) === command),
    );
    const done = fresh.length > 0 ? await work(fresh) : [];
    fresh.forEach((command, index) => outcomes.set(command, done[index] as Outcome<R>));
    this.#keep(fresh, done);
    return commands.map((command) => {
      const own = outcomes.get(command);
      return own === undefined ? follow(command, first, outcomes) : own;
    });
  }

  async #known<C extends { readonly key: CommandKey | undefined }, R>(
    keyed: readonly C[],
  ): Promise<Map<C, Outcome<R>>> {
    const known = new Map<C, Outcome<R>>();
    if (keyed.length === 0) return known;
    const claims = await this.store.claimMany(keyed.map(({ key }) => key as CommandKey));
    keyed.forEach((command, index) => {
      const claim = claims[index];
      if (claim?.outcome === 'reused') known.set(command, keyReused());
      if (claim?.outcome !== 'finished') return;
      command.key?.replayed();
      known.set(command, JSON.parse(claim.answer.body ?? 'null') as R);
    });
    return known;
  }

  #keep<C extends { readonly key: CommandKey | undefined }>(
    fresh: readonly C[],
    done: readonly unknown[],
  ): void {
    this.store.keepMany(
      fresh.flatMap(({ key }, index) => {
        if (!key || done[index] instanceof DomainError) return [];
        return [
          { ...key, answer: { status: 201, headers: {}, body: JSON.stringify(done[index]) } },
        ];
      }),
    );
  }
}

/** A key that came twice into one batch is answered as the first of them was. */
function follow<C extends { readonly key: CommandKey | undefined }, R>(
  { key }: C,
  first: ReadonlyMap<string, C>,
  outcomes: ReadonlyMap<C, Outcome<R>>,
): Outcome<R> {
  const leader = key && first.get(nameOf(key));
  if (!key || !leader?.key) throw new Error('A command of the batch has no outcome');
  if (!leader.key.fingerprint.equals(key.fingerprint)) return keyReused();
  const outcome = outcomes.get(leader) as Outcome<R>;
  if (!(outcome instanceof DomainError)) key.replayed();
  return outcome;
}

function firstOfEachKey<C extends { readonly key: CommandKey | undefined }>(
  commands: readonly C[],
) {
  const first = new Map<string, C>();
  for (const command of commands) {
    if (command.key && !first.has(nameOf(command.key))) first.set(nameOf(command.key), command);
  }
  return first;
}

function nameOf({ scope, key }: IdempotencyKey): string {
  return JSON.stringify([scope, key]);
}
