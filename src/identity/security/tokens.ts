import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import { InvalidToken } from '../../kernel/access/access.errors.js';
import { Clock } from '../../kernel/clock.js';
import { ENV, type Env } from '../../kernel/env.js';

export const ACCESS_SECONDS = 600;

const ALGORITHM = 'HS256';
const TYPE = 'at+jwt'; // RFC 9068
const ISSUER = 'millrace';
const AUDIENCE = 'millrace-api';
/** Between the clocks of two machines. */
const CLOCK_SKEW_SECONDS = 5;

const claims = z.object({ sub: z.uuid(), sid: z.uuid() });
const REFRESH_TOKEN = /^([0-9a-f-]{36})\.(\d{1,9})\.([\w-]{43})$/;

export interface TokenSubject {
  readonly userId: string;
  readonly sessionId: string;
}

export interface RefreshClaim {
  readonly sessionId: string;
  readonly generation: number;
}

interface Key {
  readonly id: string;
  readonly secret: KeyObject;
}

/**
 * Makes and reads tokens. An access token is a JWT for ten minutes; a refresh token names a session and its generation,
 * so that the database keeps no token, and cannot lose one. Neither passes for the other. The first of `AUTH_KEYS` signs,
 * each of them verifies.
 */
@Injectable()
export class Tokens {
  readonly #keys: readonly [Key, ...Key[]];

  constructor(
    @Inject(ENV) env: Env,
    private readonly clock: Clock,
  ) {
    const [newest, ...older] = env.AUTH_KEYS.map(keyOf);
    if (!newest) throw new Error('AUTH_KEYS holds no key');
    this.#keys = [newest, ...older];
  }

  access({ userId, sessionId }: TokenSubject): Promise<string> {
    const [{ id, secret }] = this.#keys;
    const now = Math.floor(this.clock.now().getTime() / 1_000);
    return new SignJWT({ sid: sessionId })
      .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid: id })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(userId)
      .setIssuedAt(now)
      .setExpirationTime(now + ACCESS_SECONDS)
      .sign(secret);
  }

  /** Whose token it is. Rejects with `InvalidToken`, whatever is wrong with it. */
  async readAccess(token: string): Promise<TokenSubject> {
    try {
      const { payload } = await jwtVerify(token, ({ kid }) => this.#key(kid), {
        algorithms: [ALGORITHM],
        typ: TYPE,
        issuer: ISSUER,
        audience: AUDIENCE,
        requiredClaims: ['exp', 'iat'],
        clockTolerance: CLOCK_SKEW_SECONDS,
        currentDate: this.clock.now(),
      });
      const { sub, sid } = claims.parse(payload);
      return { userId: sub, sessionId: sid };
    } catch {
      throw new InvalidToken();
    }
  }

  refresh(claim: RefreshClaim): string {
    const [{ secret }] = this.#keys;
    return `${claim.sessionId}.${String(claim.generation)}.${mac(secret, claim).toString('base64url')}`;
  }

  /** Undefined for what is no refresh token of ours. */
  readRefresh(token: string): RefreshClaim | undefined {
    const [, sessionId, generation, signature] = REFRESH_TOKEN.exec(token) ?? [];
    if (sessionId === undefined || signature === undefined) return undefined;
    const claim = { sessionId, generation: Number(generation) };
    const given = Buffer.from(signature, 'base64url');
    const isOurs = this.#keys.some(({ secret }) => timingSafeEqual(given, mac(secret, claim)));
    return isOurs ? claim : undefined;
  }

  #key(id: string | undefined): KeyObject {
    const key = this.#keys.find((one) => one.id === id);
    if (!key) throw new InvalidToken();
    return key.secret;
  }
}

function keyOf(pair: string): Key {
  const end = pair.indexOf(':');
  return { id: pair.slice(0, end), secret: createSecretKey(pair.slice(end + 1), 'utf8') };
}

function mac(secret: KeyObject, { sessionId, generation }: RefreshClaim): Buffer {
  const text = `refresh ${sessionId} ${String(generation)}`;
  return createHmac('sha256', secret).update(text).digest();
}
