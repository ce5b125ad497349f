import type { FastifyInstance } from 'fastify';
import { verdict } from './problem.js';
import { sendProblem } from './problem.filter.js';

/** More clients than this are not remembered: the one that was silent longest is forgotten. */
const MAX_CLIENTS = 50_000;

interface Bucket {
  tokens: number;
  /** Refused requests that were told to come back and may still do so. */
  waiting: number;
  at: number;
}

/**
 * A token bucket per client, filled with `perSecond` tokens a second and holding one second's worth. Requests that
 * are refused together are asked back one after the other, so a client that obeys is not refused again.
 */
export class RateLimit {
  readonly #buckets = new Map<string, Bucket>();

  constructor(private readonly perSecond: number) {}

  /** Takes a token. Returns 0, or the whole seconds after which there will be one. */
  take(client: string, nowMs: number): number {
    const bucket = this.#refilled(client, nowMs);
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return 0;
    }
    bucket.waiting += 1;
    return Math.ceil(bucket.waiting / this.perSecond);
  }

  #refilled(client: string, nowMs: number): Bucket {
    const known = this.#buckets.get(client);
    if (known)
      this.#buckets.delete(client); // put back below as the youngest
    else this.#makeRoom();
    const bucket = known ?? { tokens: this.perSecond, waiting: 0, at: nowMs };
    const gained = (Math.max(0, nowMs - bucket.at) / 1_000) * this.perSecond;
    bucket.tokens = Math.min(this.perSecond, bucket.tokens + gained);
    bucket.waiting = Math.max(0, bucket.waiting - gained);
    bucket.at = nowMs;
    this.#buckets.set(client, bucket);
    return bucket;
  }

  #makeRoom(): void {
    if (this.#buckets.size < MAX_CLIENTS) return;
    const oldest = this.#buckets.keys().next();
    if (!oldest.done) this.#buckets.delete(oldest.value);
  }
}

/** Probes and scrapers must hear from a process that is under load. */
const EXEMPT = /^\/api\/v\d+\/(health|metrics)\b/;

/**
 * Answers 429 with `Retry-After` to clients that send more than `perSecond` requests a second; 0 limits nobody. A client
 * is a user, wherever he calls from, or else an address. Call it after callers are recognised.
 */
export function limitRates(fastify: FastifyInstance, perSecond: number): void {
  if (perSecond === 0) return;
  const limit = new RateLimit(perSecond);
  fastify.addHook('onRequest', (request, reply, done) => {
    if (EXEMPT.test(request.url)) {
      done();
      return;
    }
    const waitSeconds = limit.take(request.caller?.id ?? request.ip, performance.now());
    if (waitSeconds === 0) done();
    else sendProblem(request, reply, tooMany(perSecond, waitSeconds));
  });
}

function tooMany(perSecond: number, waitSeconds: number) {
  return verdict(429, {
    detail: `More than ${perSecond} requests in a second; come back in ${waitSeconds} s.`,
    headers: { 'retry-after': String(waitSeconds) },
  });
}
