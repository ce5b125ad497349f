import type { Caller } from './caller.js';

/**
 * Knows who presents a token. A provider of any module that extends it is found at boot; two fail the boot, and without
 * one every token is refused.
 */
export abstract class Authenticator {
  /**
   * Rejects with `Unauthenticated` when the token is wrong, has expired or was revoked, and with any other error when
   * that cannot be found out now.
   */
  abstract authenticate(token: string): Promise<Caller>;
}
