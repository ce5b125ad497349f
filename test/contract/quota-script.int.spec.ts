import fc from 'fast-check';
import { Redis } from 'ioredis';
import { type Book, newBook } from '../../src/providers/quota/engine/book.js';
import type { Exchange, Quota, QuotaModel } from '../../src/providers/quota/engine/quota.js';
import { QUOTA_MODELS } from '../../src/providers/quota/engine/quota.js';
import { step } from '../../src/providers/quota/engine/step.js';
import { STEP_LUA } from '../../src/providers/quota/quota-script.js';
import {
  answerFromWire,
  exchangeToWire,
  type WireAnswer,
} from '../../src/providers/quota/quota-wire.js';
import type { Lease } from '../support/services.js';
import { testRedis } from '../support/test-redis.js';

/** The step with the time passed in: books in, answer and book out. */
const SCRIPT = `${STEP_LUA}
  local book = read(ARGV[1])
  local answer = step(book, cjson.decode(ARGV[2]), tonumber(ARGV[3]))
  return { answer, write(book) }`;

const START = 1_763_683_200_000;
const NEW_HOLDER = { seq: 0, out: 0, since: 0, grantAt: 0 };

/** One thing that one of three holders does, `afterMs` after the one before. */
interface Act {
  readonly holder: string;
  readonly afterMs: number;
  /** How much of what is out is told, as parts of 4. */
  readonly accepted: number;
  readonly ambiguous: number;
  readonly unsent: number;
  readonly refused: number;
  readonly wanted: number;
  readonly told: { remaining: number; limit: number | null; resetMs: number | null } | null;
  readonly retryAfterMs: number | null;
  readonly clock: number | null;
  readonly repeats: boolean;
  readonly limit: number | null;
}

const act = fc.record<Act>({
  holder: fc.constantFrom('a', 'b', 'c'),
  afterMs: fc.oneof(fc.nat(40), fc.nat(3_000)),
  accepted: fc.nat(4),
  ambiguous: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(2)),
  unsent: fc.nat(2),
  refused: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(2)),
  wanted: fc.nat(12),
  told: fc.option(
    fc.record({
      remaining: fc.nat(12),
      limit: fc.option(fc.integer({ min: 5, max: 14 })),
      resetMs: fc.option(fc.constantFrom(0, 1_000, 4_000)),
    }),
  ),
  retryAfterMs: fc.option(fc.constantFrom(0, 500, 3_000)),
  clock: fc.option(fc.integer({ min: -50, max: 50 })),
  repeats: fc.boolean(),
  limit: fc.oneof({ weight: 6, arbitrary: fc.constant(10) }, fc.constantFrom(7, 12, null)),
});

/** Outcomes that the holder can really have, from what it holds. */
function exchangeOf(one: Act, book: Book, quota: Quota, now: number): Exchange {
  const known = book.holders[one.holder];
  const { seq, out, since, grantAt: grantedAt } = known ?? NEW_HOLDER;
  let left = out;
  const take = (wanted: number) => {
    const taken = Math.min(left, wanted);
    left -= taken;
    return taken;
  };
  const [accepted, ambiguous] = [take(one.accepted), take(one.ambiguous)];
  const [unsent, refused] = [take(one.unsent), take(one.refused)];
  return {
    quota: { ...quota, limit: one.limit },
    holder: one.holder,
    seq: seq + (one.repeats && known ? 0 : 1),
    holds: out,
    ...{ accepted, ambiguous, unsent, refused },
    since: accepted + ambiguous > 0 ? since : 0,
    agoMs: Math.min(7, now - grantedAt),
    told: accepted > 0 && one.told ? { ...one.told, grantedAt } : null,
    refusal: refused > 0 ? { epoch: book.epoch, retryAfterMs: one.retryAfterMs } : null,
    clock: one.clock === null ? null : { from: one.clock - 60, to: one.clock + 60 },
    wanted: one.wanted,
  };
}

/** In an order of its own: Lua's tables have none. */
function sorted({ charges, ...book }: Book): object {
  const triples: number[][] = [];
  for (let n = 0; n < (charges.length || 0); n += 3) triples.push(charges.slice(n, n + 3));
  return { ...book, charges: triples.sort((a, b) => (a[1] ?? 0) - (b[1] ?? 0)) };
}

describe('the steps in Lua', () => {
  let lease: Lease;
  let redis: Redis & {
    step(book: string, exchange: string, now: string): Promise<[WireAnswer, string]>;
  };

  beforeAll(async () => {
    lease = await testRedis();
    redis = new Redis(lease.url, {
      scripts: { step: { lua: SCRIPT, numberOfKeys: 0 } },
    }) as typeof redis;
  });
  afterAll(async () => {
    await redis.quit();
    await lease.release();
  });

  it.each(QUOTA_MODELS)(
    'are those in TypeScript, for any history of %s',
    async (model: QuotaModel) => {
      const quota: Quota = { providerId: 'p', model, limit: 10, periodMs: 2_000 };
      await fc.assert(
        fc.asyncProperty(fc.array(act, { maxLength: 60 }), fc.boolean(), async (acts, isFresh) => {
          const book = newBook(quota, isFresh ? { used: 0, lastAt: 0 } : undefined, START);
          let text = JSON.stringify(book);
          let now = START;
          for (const one of acts) {
            now += one.afterMs;
            const exchange = exchangeOf(one, book, quota, now);
            const ours = step(book, exchange, now);
            const [wire, written] = await redis.step(text, exchangeToWire(exchange), String(now));
            text = written;
            expect(answerFromWire(wire)).toEqual(ours);
            expect(sorted(JSON.parse(text) as Book)).toEqual(sorted(book));
          }
        }),
        { numRuns: 60 },
      );
    },
  );
});
