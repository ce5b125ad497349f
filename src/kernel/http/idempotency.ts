import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { callerIdOf } from '../access/caller.js';
import { DomainError } from '../domain/domain-error.js';
import { UnitOfWork } from '../persistence/unit-of-work.js';
import { type IdempotencyKey, IdempotencyStore, type StoredAnswer } from './idempotency.store.js';

/** How long a repeated request waits for the first one before it hears 409. */
const PATIENCE_MS = 5_000;
/** Pause between looks at a key that another process holds. */
const POLL_MS = 50;
/** Visible ASCII, as a header can carry it. */
const KEY = /^[\x21-\x7e]{1,255}$/;
/** Headers of an answer that belong to its meaning. */
const KEPT_HEADERS = ['location', 'etag'];

/** The HTTP request with an `Idempotency-Key` that is being handled; absent in all other requests and in messages. */
export interface KeyedRequest {
  readonly key: string;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly idempotency: Idempotency;
}

const keyedRequest = new AsyncLocalStorage<KeyedRequest>();

export function currentKeyedRequest(): KeyedRequest | undefined {
  return keyedRequest.getStore();
}

/** Requests without the header pay for one look at it. */
export function recogniseKeyedRequests(fastify: FastifyInstance, idempotency: Idempotency): void {
  // As late as possible: what is entered before the body has been read is lost while it is read.
  fastify.addHook('preHandler', (request, reply, done) => {
    const key = request.headers['idempotency-key'];
    if (key === undefined) done();
    else keyedRequest.run({ key: String(key), request, reply, idempotency }, done);
  });
}

/**
 * Makes an effect happen once per key and caller: the key, the effect and the answer are committed together, and
 * the same request is answered from then on as it was the first time. An effect that fails leaves nothing behind,
 * so the key may be used again.
 *
 * Requests of one process with the same key wait for the first without a connection; those of other processes try
 * a lock and come again. After five seconds they are told 409.
 */
@Injectable()
export class Idempotency {
  readonly #running = new Map<string, Promise<StoredAnswer>>();

  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly store: IdempotencyStore,
  ) {}

  async answer(keyed: KeyedRequest, effect: () => Promise<unknown>): Promise<unknown> {
    const id = identify(keyed);
    const name = JSON.stringify([id.scope, id.key, id.fingerprint.toString('base64')]);
    const deadline = performance.now() + PATIENCE_MS;
    for (let first = this.#running.get(name); first; first = this.#running.get(name)) {
      const answer = await within(deadline, first);
      if (answer) return replay(answer, keyed.reply);
    }
    let value: unknown;
    const own = this.#settle(id, deadline, async () => {
      value = await effect();
      return asStored(value, keyed.reply);
    });
    this.#running.set(name, own.stored);
    try {
      const stored = await own.stored;
      return own.done() ? value : replay(stored, keyed.reply);
    } finally {
      this.#running.delete(name);
    }
  }

  /** Does the effect, or finds the answer of whoever did it before; `done` tells which. */
  #settle(id: IdempotencyKey, deadline: number, effect: () => Promise<StoredAnswer>) {
    let done = false;
    const attempt = () =>
      this.unitOfWork.run(async () => {
        const claim = await this.store.claim(id);
        done = claim.outcome === 'claimed';
        if (claim.outcome === 'finished') return claim.answer;
        if (claim.outcome === 'reused') throw keyReused();
        if (claim.outcome === 'busy') return undefined;
        const answer = await effect();
        await this.store.finish(id, answer);
        return answer;
      });
    return { stored: untilAnswered(deadline, attempt), done: () => done };
  }
}

async function untilAnswered(
  deadline: number,
  attempt: () => Promise<StoredAnswer | undefined>,
): Promise<StoredAnswer> {
  for (;;) {
    const answer = await attempt();
    if (answer) return answer;
    if (performance.now() >= deadline) throw inFlight();
    await delay(POLL_MS);
  }
}

/** The answer of the request before us; undefined when that failed, and so may be tried again. */
async function within(
  deadline: number,
  first: Promise<StoredAnswer>,
): Promise<StoredAnswer | undefined> {
  const timer = new AbortController();
  const tooLate = delay(Math.max(0, deadline - performance.now()), undefined, {
    signal: timer.signal,
  }).then(
    () => Promise.reject(inFlight()),
    () => undefined, // called off: the race is over
  );
  const settled = first.then(
    (answer) => answer,
    () => undefined, // its own client hears why
  );
  try {
    return await Promise.race([settled, tooLate]);
  } finally {
    timer.abort();
  }
}

function identify({ key, request }: KeyedRequest): IdempotencyKey {
  if (!KEY.test(key)) {
    throw new DomainError(
      'malformed',
      'invalid-idempotency-key',
      'Idempotency-Key must be 1 to 255 visible ASCII characters.',
      {
        errors: [
          {
            field: 'headers.idempotency-key',
            message: 'must be 1 to 255 visible ASCII characters',
          },
        ],
      },
    );
  }
  const fingerprint = createHash('sha256')
    .update(`${request.method} ${request.url}\n${JSON.stringify(request.body ?? null)}`)
    .digest();
  return { scope: callerIdOf(request), key, fingerprint };
}

function asStored(value: unknown, reply: FastifyReply): StoredAnswer {
  const headers = KEPT_HEADERS.flatMap((name) => {
    const header = reply.getHeader(name);
    return typeof header === 'string' ? [[name, header] as const] : [];
  });
  return {
    status: reply.statusCode,
    headers: Object.fromEntries(headers),
    body: value === undefined || value === null ? null : JSON.stringify(value),
  };
}

function replay({ status, headers, body }: StoredAnswer, reply: FastifyReply): unknown {
  reply.code(status).headers({ ...headers, 'idempotency-replayed': 'true' });
  return body === null ? undefined : JSON.parse(body);
}

function keyReused(): DomainError {
  return new DomainError(
    'invalid',
    'idempotency-key-reused',
    'This Idempotency-Key was used for another request.',
    { errors: [{ field: 'headers.idempotency-key', message: 'was used for another request' }] },
  );
}

function inFlight(): DomainError {
  return new DomainError(
    'conflict',
    'idempotency-key-in-flight',
    'The first request with this Idempotency-Key is still under way; try again.',
    { retryAfterSeconds: 1 },
  );
}
