/**
 * The bet maker as `dist/main.js` starts it, for many users: whoever presents the token `user-17` is that user.
 * Decorators are called as functions, because Node runs this file as it is.
 */
import { Injectable, Module } from '@nestjs/common';
import type * as App from '../../src/app.js';
import type * as Root from '../../src/app.module.js';
import type * as Authenticators from '../../src/kernel/access/authenticator.js';
import type { Caller } from '../../src/kernel/access/caller.js';
import type * as Environment from '../../src/kernel/env.js';
import { compiled } from './compiled.ts';
import { endWithSignal } from './told.ts';

const { startApp } = await compiled<typeof App>('app.js');
const { AppModule } = await compiled<typeof Root>('app.module.js');
const { Authenticator } = await compiled<typeof Authenticators>('kernel/access/authenticator.js');
const { loadEnv } = await compiled<typeof Environment>('kernel/env.js');

class Tokens extends Authenticator {
  readonly #known = new Map<string, Caller>();

  async authenticate(token: string): Promise<Caller> {
    const known = this.#known.get(token) ?? userOf(token);
    this.#known.set(token, known);
    return known;
  }
}

function userOf(id: string): Caller {
  return { id, name: id, roles: [], rights: new Set(), isAnonymous: false };
}

Injectable()(Tokens);

class BettingProgram {}

const env = loadEnv();
Module({ imports: [AppModule.for(env)], providers: [Tokens] })(BettingProgram);
const app = await startApp(env, BettingProgram);

endWithSignal(app);
