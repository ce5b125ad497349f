import { Injectable, Logger } from '@nestjs/common';
import { RedisConnection } from './redis-connection.js';

/** Counts who came anew. A set that was completed under an older count may lack members. */
const EPOCH = 'sets:epoch';
/** A member that no caller can have, because those begin with another letter. */
const complete = (epoch: string): string => `=${epoch}`;
const ROWS = 5_000;

/**
 * Sets of texts in Redis that are only an index: whatever is lost is loaded again from where it is known.
 *
 * A set is believed only with the mark of a loader in it. Flushing or evicting a set takes the mark along, and every
 * process that comes anew or failed to add something makes all marks old, since it may have died between a commit and
 * its `add`. Not available without REDIS_URL.
 */
@Injectable()
export class SharedSets {
  readonly #logger = new Logger(SharedSets.name);
  /** Nothing is believed until this process has made the marks of those before it old. */
  #isCertain = false;

  constructor(private readonly redis: RedisConnection) {
    redis.client?.on('close', () => {
      this.#isCertain = false;
    });
  }

  get areAvailable(): boolean {
    return this.redis.client?.status === 'ready';
  }

  /** Never rejects: what could not be added makes every set be loaded again. */
  async add(members: ReadonlyMap<string, readonly string[]>): Promise<void> {
    const { client } = this.redis;
    if (!client) return;
    try {
      const pipeline = client.pipeline();
      for (const [set, texts] of members) pipeline.sadd(set, ...texts.map((text) => `.${text}`));
      const answers = await pipeline.exec();
      const failed = answers?.find(([error]) => error !== null);
      if (failed?.[0]) throw failed[0];
    } catch (error) {
      this.#isCertain = false;
      this.#logger.debug({ err: error }, 'Could not add to shared sets; they will be loaded again');
    }
  }

  /** The members, loaded by `load` where Redis does not know them all. Rejects when Redis is away. */
  async members(set: string, load: () => Promise<readonly string[]>): Promise<string[]> {
    const { client } = this.redis;
    if (!client) throw new Error('There is no Redis: REDIS_URL is not set');
    if (!this.#isCertain) {
      await client.incr(EPOCH);
      this.#isCertain = true;
    }
    const epoch = (await client.get(EPOCH)) ?? String(await client.incr(EPOCH));
    const known = await client.smembers(set);
    if (known.includes(complete(epoch))) return known.flatMap(textOf);
    const loaded = await load();
    for (let at = 0; at < loaded.length; at += ROWS) {
      await client.sadd(set, ...loaded.slice(at, at + ROWS).map((text) => `.${text}`));
    }
    await client.sadd(set, complete(epoch));
    return [...loaded];
  }
}

function textOf(member: string): string[] {
  return member.startsWith('.') ? [member.slice(1)] : [];
}
