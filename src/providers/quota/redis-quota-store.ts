import { type RedisScript, RedisScripts } from '../../kernel/redis/redis-scripts.js';
import { type Book, newBook } from './engine/book.js';
import type { Exchange, Quota, QuotaAnswer, QuotaState, Recovered } from './engine/quota.js';
import { stateOf } from './engine/step.js';
import { STEP_LUA } from './quota-script.js';
import { QuotaStore } from './quota-store.js';
import { answerFromWire, exchangeToWire, stateOfNoBook, type WireAnswer } from './quota-wire.js';

/**
 * A book belongs to the run of the server that it was made in. A server that was started anew may have lost its last
 * seconds, as may a replica that took over: their books are as good as missing.
 */
const CLOCK = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local text = redis.call('GET', KEYS[1])
local book = text and read(text)
if book and book.run ~= run then book = nil end
`;

const SCRIPTS = {
  exchange: {
    keys: 1,
    lua: `${STEP_LUA} ${CLOCK}
      if not book then return false end
      local answer = step(book, cjson.decode(ARGV[1]), now)
      redis.call('SET', KEYS[1], write(book))
      return answer`,
  },
  restore: {
    keys: 1,
    lua: `${STEP_LUA} ${CLOCK}
      if book then return 0 end
      book = read(ARGV[1])
      book.run = run
      redis.call('SET', KEYS[1], write(book))
      return 1`,
  },
  look: { keys: 1, lua: `${STEP_LUA} ${CLOCK} return { now, book and text or false }` },
  forget: { keys: 1, lua: `return redis.call('DEL', KEYS[1])` },
} satisfies Record<string, RedisScript>;

/** The books in Redis, one string each; every operation is one script, on the clock of the server. */
export class RedisQuotaStore extends QuotaStore {
  readonly #redis: RedisScripts<keyof typeof SCRIPTS>;

  constructor(url: string) {
    super();
    this.#redis = new RedisScripts(url, SCRIPTS);
  }

  override async exchange(exchange: Exchange): Promise<QuotaAnswer> {
    const key = keyOf(exchange.quota.providerId);
    const wire = await this.#redis.run('exchange', key, exchangeToWire(exchange));
    return answerFromWire(wire as WireAnswer | null);
  }

  override async restore(quota: Quota, recovered: Recovered | undefined): Promise<void> {
    const { now } = await this.#read(quota);
    const book = newBook(quota, recovered, now);
    await this.#redis.run('restore', keyOf(quota.providerId), JSON.stringify(book));
  }

  override async look(quotas: readonly Quota[]): Promise<QuotaState[]> {
    return Promise.all(
      quotas.map(async (quota) => {
        const { book, now } = await this.#read(quota);
        return book ? stateOf(book, quota, now) : stateOfNoBook(quota);
      }),
    );
  }

  override async forget(providerIds: readonly string[]): Promise<void> {
    await Promise.all(providerIds.map((id) => this.#redis.run('forget', keyOf(id))));
  }

  close(): void {
    this.#redis.close();
  }

  async #read({ providerId }: Quota): Promise<{ now: number; book: Book | undefined }> {
    const answer = await this.#redis.run('look', keyOf(providerId));
    const [now, text] = answer as [number, string | null];
    return { now, book: text === null ? undefined : parse(text) };
  }
}

function keyOf(providerId: string): string {
  return `millrace:quota:${providerId}`;
}

/** Lua knows no difference between an empty list and an empty object. */
function parse(text: string): Book {
  const book = JSON.parse(text) as Book;
  return Array.isArray(book.charges) ? book : { ...book, charges: [] };
}
