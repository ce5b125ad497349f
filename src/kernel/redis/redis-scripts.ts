import { Redis } from 'ioredis';
import { tellOutages } from './tell-outages.js';

export interface RedisScript {
  readonly lua: string;
  readonly keys: number;
}

/** A server that is slower than that is as good as away: its callers have something better to do than to wait. */
const COMMAND_TIMEOUT_MS = 1_000;

type Command = (...args: string[]) => Promise<unknown>;

/**
 * The Redis of the process, for steps that are atomic because they are Lua. Only a script's digest travels, and the
 * script itself where the server does not know it.
 *
 * A rejected run may still be executed, now or later: give each something by which a script knows it again.
 */
export class RedisScripts<Name extends string> {
  readonly #redis: Redis;

  constructor(url: string, scripts: Readonly<Record<Name, RedisScript>>) {
    this.#redis = new Redis(url, {
      commandTimeout: COMMAND_TIMEOUT_MS,
      connectTimeout: COMMAND_TIMEOUT_MS,
      maxRetriesPerRequest: 1,
      autoResendUnfulfilledCommands: false,
      retryStrategy: (attempts) => Math.min(1_000, 50 * attempts),
    });
    tellOutages(this.#redis, 'what needs it fails until it is back');
    for (const [name, { lua, keys }] of Object.entries<RedisScript>(scripts)) {
      this.#redis.defineCommand(name, { lua, numberOfKeys: keys });
    }
  }

  run(script: Name, ...args: string[]): Promise<unknown> {
    const commands = this.#redis as unknown as Record<Name, Command>;
    return commands[script](...args);
  }

  close(): void {
    this.#redis.disconnect();
  }
}
