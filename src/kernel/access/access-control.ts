import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { ENV, type Env, InvalidEnvironmentError } from '../env.js';
import type { Access } from './access.decorators.js';
import { InvalidToken, MissingRight, Unauthenticated } from './access.errors.js';
import { Authenticator } from './authenticator.js';
import { type Caller, DEVELOPER, NOBODY, SYSTEM } from './caller.js';

/** Longer ones are refused unread. */
const MAX_TOKEN_LENGTH = 4_096;

/**
 * Decides at every door, of HTTP and of messages, who calls and whether that is enough. Who presents a token is who the
 * token says, whatever `AUTH_MODE` is; who presents none is the local developer where it is `open`.
 */
@Injectable()
export class AccessControl implements OnModuleInit {
  #authenticator: Authenticator | undefined;

  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly discovery: DiscoveryService,
  ) {}

  /** Fails the boot when callers must authenticate and nothing in the process can tell who they are. */
  onModuleInit(): void {
    const found = this.discovery.getProviders().map(({ instance }) => instance as unknown);
    const [first, second] = new Set(found.filter((one) => one instanceof Authenticator));
    if (second) throw new Error('Two providers authenticate callers');
    this.#authenticator = first;
    if (first || this.env.AUTH_MODE === 'open') return;
    throw new InvalidEnvironmentError([
      'AUTH_MODE is required (the default), but nothing in this program can tell who calls: add "identity" to MODULES, or set AUTH_MODE=open where only trusted callers reach it',
    ]);
  }

  /** Rejects with `InvalidToken`; with another error when that cannot be found out now. */
  async authenticate(token: string): Promise<Caller> {
    if (!this.#authenticator || token.length > MAX_TOKEN_LENGTH) throw new InvalidToken();
    return this.#authenticator.authenticate(token);
  }

  /** Whoever comes without a token. */
  get stranger(): Caller {
    return this.env.AUTH_MODE === 'open' ? DEVELOPER : NOBODY;
  }

  /** Throws `Unauthenticated`, `MissingRight`. */
  demand(access: Access, caller: Caller): void {
    if (access === 'public' || access === 'system') return;
    if (caller === NOBODY) throw new Unauthenticated();
    if (access !== 'caller' && !caller.rights.has(access.right)) {
      throw new MissingRight(access.right);
    }
  }

  /**
   * Who sent a message, by its header `authorization`. No promise where there is nothing to wait for. Throws, and
   * rejects, as {@link authenticate} and {@link demand} do.
   */
  admit(access: Access, authorization: string | undefined): Caller | Promise<Caller> {
    if (access === 'system') return SYSTEM;
    if (authorization === undefined) {
      this.demand(access, this.stranger);
      return this.stranger;
    }
    return this.#admitBearer(access, authorization);
  }

  async #admitBearer(access: Access, authorization: string): Promise<Caller> {
    const token = bearerToken(authorization) ?? '';
    // A public door does not mind what is wrong with a token.
    if (access === 'public') return this.authenticate(token).catch(() => this.stranger);
    const caller = await this.authenticate(token);
    this.demand(access, caller);
    return caller;
  }
}

/** Undefined for what is no bearer token. */
export function bearerToken(authorization: string): string | undefined {
  return /^bearer +(\S+)$/i.exec(authorization)?.[1];
}
