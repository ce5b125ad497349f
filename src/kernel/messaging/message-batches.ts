import { Injectable } from '@nestjs/common';
import type { z } from 'zod';
import { AccessControl } from '../access/access-control.js';
import { crashPoint } from '../crash-points.js';
import { DomainError } from '../domain/domain-error.js';
import { Gatherer } from '../gatherer.js';
import { fieldErrors, ValidationError } from '../http/validation.js';
import { Inbox } from '../inbox/inbox.js';
import { continueTrace, runWithContext } from '../observability/trace-context.js';
import { withSpan } from '../observability/tracing.js';
import { UnitOfWork } from '../persistence/unit-of-work.js';
import { decode } from './message-decoding.js';
import { credentialsIn, withoutCredentials } from './message-headers.js';
import { MessageJudge } from './message-judge.js';
import type { Batch, MessageHandler, ServedScope } from './message-scopes.js';
import type { Incoming } from './batch-method.js';
import { type Arrival, MessageSettler, type Settled } from './message-settler.js';
import { GiveBack, type Verdict } from './settlement.js';

export interface Routed {
  readonly handler: MessageHandler;
  readonly params: Readonly<Record<string, string>>;
}

interface Waiting {
  readonly scope: ServedScope;
  readonly routed: Routed;
  readonly arrival: Arrival;
  readonly startedAt: number;
  readonly settled: (settled: Settled) => void;
}

interface Readable extends Waiting {
  readonly incoming: Incoming;
}

const DUPLICATE: Verdict = { kind: 'ack', outcome: 'duplicate' };
const HANDLED: Verdict = { kind: 'ack', outcome: 'handled' };

/**
 * The way of messages whose handler takes many at once: what is at hand of one route shares decode, validation, inbox,
 * Unit of Work and handler, and each message is settled for itself.
 */
@Injectable()
export class MessageBatches {
  readonly #gatherers = new Map<MessageHandler, Gatherer<Waiting>>();

  constructor(
    private readonly access: AccessControl,
    private readonly inbox: Inbox,
    private readonly unitOfWork: UnitOfWork,
    private readonly judge: MessageJudge,
    private readonly settler: MessageSettler,
  ) {}

  /** Resolves when the message is settled; never rejects. */
  handle(scope: ServedScope, routed: Routed, batch: Batch, arrival: Arrival): Promise<Settled> {
    let gatherer = this.#gatherers.get(routed.handler);
    if (!gatherer) {
      gatherer = new Gatherer(batch.max, (waiting) => this.#run(batch, waiting));
      this.#gatherers.set(routed.handler, gatherer);
    }
    const { promise, resolve } = Promise.withResolvers<Settled>();
    gatherer.add({ scope, routed, arrival, startedAt: performance.now(), settled: resolve });
    return promise;
  }

  /** Messages of many traces meet here, so a batch has a trace of its own. */
  #run(batch: Batch, waiting: readonly Waiting[]): Promise<void> {
    return runWithContext(continueTrace(), async () => {
      const readable = await this.#read(batch, waiting);
      const [first] = readable;
      if (!first) return;
      const { scope, routed } = first;
      const attributes = { 'messaging.batch.message_count': readable.length };
      await withSpan(`${scope.name} ${routed.handler.route}`, 'consumer', attributes, () =>
        this.#attempt(batch, readable),
      );
    });
  }

  /** Those that cannot be read or break the schema are dead letters; the others go on. */
  async #read(batch: Batch, waiting: readonly Waiting[]): Promise<Readable[]> {
    const readable: Readable[] = [];
    const refused: Promise<void>[] = [];
    for (const one of waiting) {
      try {
        readable.push({ ...one, incoming: await this.#incoming(one, batch.body) });
      } catch (error) {
        refused.push(this.#fail(one, error));
      }
    }
    await Promise.all(refused);
    return readable;
  }

  /** Never rejects. */
  async #attempt(batch: Batch, readable: readonly Readable[]): Promise<void> {
    let verdicts: ReadonlyMap<Readable, Verdict | Error>;
    try {
      verdicts = await this.#handle(batch, readable);
    } catch (error) {
      await this.#failAll(batch, readable, error);
      return;
    }
    await Promise.all(
      readable.map((one) => {
        const verdict = verdicts.get(one) ?? HANDLED;
        return verdict instanceof Error ? this.#fail(one, verdict) : this.#settle(one, verdict);
      }),
    );
  }

  /** One message may have failed them all, so they are tried one by one, unless that can only fail again. */
  async #failAll(batch: Batch, readable: readonly Readable[], error: unknown): Promise<void> {
    const hopeless =
      readable.length === 1 ||
      error instanceof GiveBack ||
      (await this.judge.isDatabaseAway(error));
    if (hopeless) await Promise.all(readable.map((one) => this.#fail(one, error)));
    else for (const one of readable) await this.#attempt(batch, [one]);
  }

  async #handle(batch: Batch, readable: readonly Readable[]) {
    const [first] = readable;
    if (!first) return new Map<Readable, Verdict | Error>();
    if (first.routed.handler.idempotent) return callMethod(batch, readable);
    return this.unitOfWork.run(() => this.#handleOnce(first.scope.name, batch, readable));
  }

  /** What was accepted and then failed is forgotten again, so that its next attempt is not taken for a duplicate. */
  async #handleOnce(consumer: string, batch: Batch, readable: readonly Readable[]) {
    const fresh = new Set(
      await this.inbox.acceptMany(
        consumer,
        readable.map(({ incoming }) => incoming.id),
      ),
    );
    crashPoint('consumer.after-inbox');
    const duplicates = readable.filter(({ incoming }) => !fresh.delete(incoming.id));
    const known = new Set(duplicates);
    const accepted = readable.filter((one) => !known.has(one));
    const verdicts = accepted.length > 0 ? await callMethod(batch, accepted) : new Map();
    const failed = accepted.filter((one) => verdicts.get(one) instanceof Error);
    if (failed.length > 0) {
      await this.inbox.forget(
        consumer,
        failed.map(({ incoming }) => incoming.id),
      );
    }
    crashPoint('consumer.after-handler');
    for (const one of duplicates) verdicts.set(one, DUPLICATE);
    return verdicts;
  }

  async #fail(one: Waiting, error: unknown): Promise<void> {
    await this.#settle(one, await this.judge.verdict(error, one.arrival, one.scope), error);
  }

  async #settle(one: Waiting, verdict: Verdict, error?: unknown): Promise<void> {
    const { scope, arrival, startedAt, settled } = one;
    const { route } = one.routed.handler;
    settled(await this.settler.settle({ scope, arrival, route, startedAt, verdict, error }));
  }

  async #incoming({ routed, arrival }: Waiting, schema: z.ZodType): Promise<Incoming> {
    const { delivery, attempt } = arrival;
    const { body, headers } = decode(delivery.message);
    const caller = await this.access.admit(routed.handler.access, credentialsIn(headers));
    return {
      id: delivery.message.id,
      params: routed.params,
      headers: withoutCredentials(headers),
      body: parsedBy(schema, body),
      attempt,
      caller,
    };
  }
}

function parsedBy(schema: z.ZodType, body: unknown): unknown {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  if (body === undefined) {
    throw new DomainError('malformed', 'missing-body', 'A JSON body is required.');
  }
  throw new ValidationError('body', fieldErrors(parsed.error.issues, '', body));
}

async function callMethod(batch: Batch, readable: readonly Readable[]) {
  const outcomes = await batch.invoke(readable.map(({ incoming }) => incoming));
  if (outcomes && outcomes.length !== readable.length) {
    const [given, wanted] = [String(outcomes.length), String(readable.length)];
    throw new Error(`A batch method answered ${given} outcomes for ${wanted} messages`);
  }
  const verdicts = new Map<Readable, Verdict | Error>();
  outcomes?.forEach((outcome, index) => {
    const one = readable[index];
    if (one && outcome) verdicts.set(one, outcome);
  });
  return verdicts;
}
