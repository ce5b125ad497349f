import { Inject, Injectable } from '@nestjs/common';
import { hash, parseOptions, verify } from '@node-rs/argon2';
import { ENV, type Env, InvalidEnvironmentError } from '../../kernel/env.js';
import { TooManyLogins } from '../domain/identity.errors.js';
import { IdentityMetrics } from '../identity.metrics.js';

/** What OWASP asks of argon2id at least; tests alone may do with less. */
const MIN_MEMORY_KIB = 19_456;
const MIN_PASSES = 2;
/** Waiting for their turn; one more is sent away, so that a storm of logins costs neither memory nor patience. */
const MAX_WAITING = 100;
/** What a hundred of them take on a slow processor. */
const RETRY_AFTER_SECONDS = 5;

/**
 * Hashes and compares passwords by argon2id, all bytes of them. At most `AUTH_HASHES_AT_ONCE` are at work in a process,
 * because each takes a thread and its memory. Rejects with `TooManyLogins` when too many wait.
 */
@Injectable()
export class Passwords {
  readonly #cost;
  readonly #waiting: (() => void)[] = [];
  #atWork = 0;
  #nobodys: Promise<string> | undefined;

  constructor(
    @Inject(ENV) private readonly env: Env,
    metrics: IdentityMetrics,
  ) {
    const { NODE_ENV, AUTH_ARGON2_MEMORY_KIB: memoryCost, AUTH_ARGON2_PASSES: timeCost } = env;
    if (NODE_ENV !== 'test' && (memoryCost < MIN_MEMORY_KIB || timeCost < MIN_PASSES)) {
      throw new InvalidEnvironmentError([
        `AUTH_ARGON2_MEMORY_KIB must be at least ${String(MIN_MEMORY_KIB)} and AUTH_ARGON2_PASSES ${String(MIN_PASSES)}`,
      ]);
    }
    this.#cost = { memoryCost, timeCost, parallelism: 1 };
    metrics.watchHashes(() => this.#atWork);
  }

  hash(password: string): Promise<string> {
    return this.#inTurn(() => hash(password, this.#cost));
  }

  /**
   * Compares with the hash, or with one that nobody has where there is none: an unknown email costs what a known one
   * does. A hash cannot be undefined and right.
   */
  async matches(password: string, hashed: string | undefined): Promise<boolean> {
    this.#nobodys ??= hash('a password that nobody has', this.#cost);
    const compared = hashed ?? (await this.#nobodys);
    const isRight = await this.#inTurn(() => verify(compared, password));
    return isRight && hashed !== undefined;
  }

  /** It was made with less than what is asked for today. */
  isWeak(hashed: string): boolean {
    const { memoryCost, timeCost } = parseOptions(hashed);
    return memoryCost < this.#cost.memoryCost || timeCost < this.#cost.timeCost;
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#atWork >= this.env.AUTH_HASHES_AT_ONCE) await this.#turn();
    else this.#atWork += 1;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next)
        next(); // it takes over this place
      else this.#atWork -= 1;
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= MAX_WAITING) throw new TooManyLogins(RETRY_AFTER_SECONDS);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
