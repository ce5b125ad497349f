import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type BatchHandler, Handles, type Outcome } from '../../kernel/cqrs/handles.js';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { DomainError } from '../../kernel/domain/domain-error.js';
import { Ids } from '../../kernel/ids.js';
import { Inbox } from '../../kernel/inbox/inbox.js';
import { MessageStarts } from '../runtime/message-starts.js';
import { type Candidate, type News, NewsRepository } from '../news.repository.js';
import { type Telling, TellInstances } from './tell-instances.js';

export interface Delivery extends News {
  /** A second message with it is not delivered. */
  readonly id?: string | undefined;
  /** Seconds that it is kept while nobody waits for it. */
  readonly ttl: number;
}

export type Delivered = 'taken' | 'started' | 'buffered' | 'duplicate';

/**
 * Gives each message to the token that has waited for it longest, or else starts an instance where a start listens to it,
 * or keeps it until somebody waits.
 */
export class DeliverMessages extends Command<readonly Delivered[]> {
  constructor(readonly messages: readonly Delivery[]) {
    super();
  }
}

interface Open {
  readonly message: Delivery;
  /** Tokens that have turned out not to take it. */
  readonly tried: Set<string>;
}

@Handles(DeliverMessages, { batch: 500 })
export class DeliverMessagesHandler implements BatchHandler<DeliverMessages> {
  constructor(
    private readonly clock: Clock,
    private readonly ids: Ids,
    private readonly inbox: Inbox,
    private readonly mediator: Mediator,
    private readonly news: NewsRepository,
    private readonly starts: MessageStarts,
  ) {}

  async executeMany(
    commands: readonly DeliverMessages[],
  ): Promise<Outcome<readonly Delivered[]>[]> {
    const all = commands.flatMap(({ messages }) => messages);
    await this.news.lock(all.map(({ name }) => name));
    const fresh = await this.#fresh(all);
    const started = new Set<Delivery>();
    let open = await this.#give(fresh.map((message) => ({ message, tried: new Set() })));
    for (;;) {
      const begun = await this.starts.begin(open.map(({ message }) => message));
      if (begun.size === 0) break;
      for (const message of begun) started.add(message);
      open = open.filter(({ message }) => !begun.has(message));
      if (open.length === 0) break;
      // What was started, or what that calls, may wait for one of those that are left, and must be found in its table.
      await this.news.write();
      open = await this.#give(open);
    }
    const buffered = new Set(open.map(({ message }) => message));
    this.#buffer([...buffered]);
    const taken = new Set(fresh);
    const stateOf = (message: Delivery): Delivered => {
      if (!taken.has(message)) return 'duplicate';
      if (started.has(message)) return 'started';
      return buffered.has(message) ? 'buffered' : 'taken';
    };
    return commands.map(({ messages }) => messages.map(stateOf));
  }

  /** Answers what nobody has taken. */
  async #give(messages: readonly Open[]): Promise<readonly Open[]> {
    let open = messages;
    for (;;) {
      const chosen = await this.#choose(open);
      if (chosen.size === 0) return open;
      // Also those that found nobody: whoever has taken a message may wait for another one by now.
      const left = open.filter((one) => !chosen.has(one));
      open = [...left, ...(await this.#tell(chosen))];
    }
  }

  async #fresh(messages: readonly Delivery[]): Promise<Delivery[]> {
    const ids = messages.flatMap(({ id }) => id ?? []);
    if (ids.length === 0) return [...messages];
    const accepted = new Set(await this.inbox.acceptMany('workflow-messages', [...new Set(ids)]));
    // Of two in one batch the first one counts.
    return messages.filter(({ id }) => id === undefined || accepted.delete(id));
  }

  /** Each token takes one message at a time; whoever is left over looks again in the next round. */
  async #choose(open: readonly Open[]): Promise<Map<Open, Candidate>> {
    if (open.length === 0) return new Map();
    const candidates = await this.news.takers(
      open.map(({ message }) => message),
      mostOfOneName(open),
    );
    const chosen = new Map<Open, Candidate>();
    const busy = new Set<string>();
    for (const candidate of candidates) {
      const one = open[candidate.place];
      const name = nameOf(candidate);
      if (!one || chosen.has(one) || busy.has(name) || one.tried.has(name)) continue;
      chosen.set(one, candidate);
      busy.add(name);
    }
    return chosen;
  }

  /** Answers those that were not taken after all. */
  async #tell(chosen: ReadonlyMap<Open, Candidate>): Promise<Open[]> {
    const tellings = [...chosen].map(([{ message }, { instanceId, token }]): Telling => {
      const { name, key, data } = message;
      return { instanceId, command: { type: 'message', name, key, data, token } };
    });
    const told = await this.mediator.execute(new TellInstances(tellings));
    return [...chosen].flatMap(([one, candidate], index) => {
      const outcome = told[index];
      if (outcome && !(outcome instanceof DomainError)) return [];
      one.tried.add(nameOf(candidate));
      return one;
    });
  }

  #buffer(messages: readonly Delivery[]): void {
    if (messages.length === 0) return;
    const now = this.clock.now().getTime();
    this.news.buffer(
      messages.map(({ name, key, data, ttl }) => {
        return { id: this.ids.next(), name, key, data, expiresAt: new Date(now + ttl * 1_000) };
      }),
    );
  }
}

/** So many candidates of a message are enough, when all others of its name take one, too. */
function mostOfOneName(open: readonly Open[]): number {
  const counts = new Map<string, number>();
  for (const { message, tried } of open)
    counts.set(message.name, (counts.get(message.name) ?? 0) + 1 + tried.size);
  return Math.max(...counts.values());
}

const nameOf = ({ instanceId, token }: Candidate): string => `${instanceId}/${String(token)}`;
