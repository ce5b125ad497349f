import { Controller, Injectable, Module, Post } from '@nestjs/common';
import { z } from 'zod';
import type { Incoming } from '../messaging/batch-method.js';
import { MessageScope, OnEvent, OnMessage } from '../messaging/message.decorators.js';
import { MessageTester } from '../messaging/testing/message-tester.js';
import { CurrentCaller, Public, RequiresRight, SystemDoor } from './access.decorators.js';
import { InvalidToken } from './access.errors.js';
import { Authenticator } from './authenticator.js';
import type { Caller } from './caller.js';

const ADA: Caller = {
  id: 'ada',
  name: 'Ada',
  roles: ['operator'],
  rights: new Set(['door:open']),
  isAnonymous: false,
};
const BOB: Caller = { ...ADA, id: 'bob', name: 'Bob', roles: [], rights: new Set() };

@Injectable()
class Tokens extends Authenticator {
  async authenticate(token: string): Promise<Caller> {
    const caller = [ADA, BOB].find(({ id }) => `token-of-${id}` === token);
    if (!caller) throw new InvalidToken();
    return caller;
  }
}

const told: { caller?: Caller; headers?: object } = {};

@Controller('doors')
@MessageScope('doors')
class DoorsController {
  @Post('free')
  @Public()
  @OnMessage('free')
  free(@CurrentCaller() caller: Caller) {
    return { id: caller.id };
  }

  @Post('plain')
  @OnMessage('plain')
  plain(@CurrentCaller() caller: Caller) {
    return { id: caller.id };
  }

  @Post('guarded')
  @OnMessage('guarded')
  @RequiresRight('door:open')
  guarded(@CurrentCaller() caller: Caller) {
    return { id: caller.id };
  }

  @Post('costly')
  @OnMessage('costly')
  @RequiresRight('door:paid')
  costly(@CurrentCaller() caller: Caller) {
    return { id: caller.id };
  }

  @SystemDoor()
  @Post('inner')
  @OnMessage('inner')
  inner(@CurrentCaller() caller: Caller) {
    return { id: caller.id };
  }

  @OnEvent('doors.door-opened.v1')
  hear(@CurrentCaller() caller: Caller) {
    return { id: caller.id };
  }

  @RequiresRight('door:open')
  @OnMessage('many', { batch: 10, body: z.unknown() })
  async many([first]: Incoming[]): Promise<undefined> {
    if (first) Object.assign(told, first);
  }
}

@Module({ controllers: [DoorsController] })
class DoorsModule {}

@Module({ controllers: [DoorsController], providers: [Tokens] })
class DoorsAndTokens {}

let tester: MessageTester | undefined;

async function open(
  mode: 'open' | 'required',
  module = DoorsAndTokens,
  env: Record<string, string> = {},
): Promise<MessageTester> {
  tester = await MessageTester.of({ imports: [module], env: { AUTH_MODE: mode, ...env } });
  return tester;
}

afterEach(async () => {
  await tester?.close();
  tester = undefined;
});

const bearer = (name: string) => ({ authorization: `Bearer token-of-${name}` });

function post(path: string, headers: Record<string, string> = {}) {
  return tester!.request({ method: 'POST', url: `/doors/${path}`, headers });
}

describe('over HTTP, where callers must authenticate', () => {
  beforeEach(() => open('required'));

  it('lets nobody in without a token, and says how to bring one', async () => {
    const answer = await post('plain');
    expect(answer.statusCode).toBe(401);
    expect(answer.headers).toMatchObject({
      'www-authenticate': 'Bearer',
      'content-type': expect.stringContaining('application/problem+json') as string,
    });
  });

  it('lets everybody in at a public door, with a broken token too', async () => {
    expect((await post('free')).json()).toEqual({ id: 'anonymous' });
    expect((await post('free', bearer('eve'))).json()).toEqual({ id: 'anonymous' });
    expect((await post('free', bearer('ada'))).json()).toEqual({ id: 'ada' });
  });

  it('tells the handler who calls', async () => {
    expect((await post('plain', bearer('bob'))).json()).toEqual({ id: 'bob' });
  });

  it('names the right that is missing', async () => {
    const answer = await post('guarded', bearer('bob'));
    expect(answer.statusCode).toBe(403);
    expect(answer.json()).toMatchObject({
      type: '/problems/missing-right',
      detail: expect.stringContaining('"door:open"') as string,
    });
    expect((await post('guarded', bearer('ada'))).statusCode).toBe(201);
  });

  it.each(['Bearer', 'Bearer ', 'Basic abcdef', 'Bearer a b', `Bearer ${'x'.repeat(100_000)}`])(
    'refuses the credentials "%.20s"',
    async (authorization) => {
      expect((await post('plain', { authorization })).statusCode).toBe(401);
    },
  );

  it('asks callers of a system door who they are when they come by HTTP', async () => {
    expect((await post('inner')).statusCode).toBe(401);
    expect((await post('inner', bearer('bob'))).statusCode).toBe(201);
  });
});

describe('over HTTP, where doors are open', () => {
  beforeEach(() => open('open'));

  it('takes who has no token for the local developer, who may do all that costs no money', async () => {
    expect((await post('guarded')).json()).toEqual({ id: 'anonymous' });
    expect((await post('costly')).statusCode).toBe(403);
  });

  it('believes a token, and refuses a broken one', async () => {
    expect((await post('guarded', bearer('bob'))).statusCode).toBe(403);
    expect((await post('plain', bearer('eve'))).statusCode).toBe(401);
  });
});

describe('a write by cookie', () => {
  beforeEach(() => open('required'));

  const cookie = 'session=token-of-ada';
  const host = 'localhost:8000';

  it.each([
    [{ 'sec-fetch-site': 'same-origin' }, 201],
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'same-site' }, 403],
    [{ origin: 'http://localhost:8000' }, 201],
    [{ origin: 'http://localhost:8001' }, 403],
    [{ origin: 'null' }, 403],
    [{}, 403],
  ])('with %j is answered %i', async (headers, status) => {
    expect((await post('plain', { host, cookie, ...headers })).statusCode).toBe(status);
  });

  it('does not read the name that is for plain HTTP where the host is not this machine', async () => {
    const site = { 'sec-fetch-site': 'same-origin', host: 'millrace.example' };
    expect((await post('plain', { ...site, cookie })).statusCode).toBe(401);
    const prefixed = { ...site, cookie: `__Host-${cookie}` };
    expect((await post('plain', prefixed)).statusCode).toBe(201);
  });
});

describe('by message, where callers must authenticate', () => {
  beforeEach(() => open('required'));

  it('takes the token from the header, and tells the handler who calls', async () => {
    const end = await tester!.send('doors/guarded', {}, { headers: bearer('ada') });
    expect(end).toEqual({ kind: 'handled', result: { id: 'ada' } });
  });

  it.each([
    ['without a token', {}, 'unauthenticated: '],
    ['with a broken token', bearer('eve'), 'invalid-token: '],
    ['without the right', bearer('bob'), 'missing-right: '],
  ])('buries a message %s with the reason', async (_, headers, reason) => {
    const ends = [
      await tester!.send('doors/guarded', {}, { headers }),
      await tester!.send('doors/many', {}, { headers }),
    ];
    for (const end of ends) {
      expect(end).toMatchObject({
        kind: 'dead-letter',
        reason: expect.stringMatching(reason) as string,
      });
    }
  });

  it('asks nothing at public and system doors, and of events', async () => {
    const free = (headers = {}) => tester!.send('doors/free', {}, { headers });
    expect(await free()).toMatchObject({ result: { id: 'anonymous' } });
    expect(await free(bearer('eve'))).toMatchObject({ result: { id: 'anonymous' } });
    expect(await free(bearer('ada'))).toMatchObject({ result: { id: 'ada' } });
    expect(await tester!.send('doors/inner')).toMatchObject({ result: { id: 'system' } });
    expect(await tester!.emit('doors.door-opened.v1', {})).toMatchObject({
      doors: { result: { id: 'system' } },
    });
  });

  it('tells a batch who sent each message, and keeps the token to itself', async () => {
    const headers = { 'x-colour': 'red', Authorization: 'Bearer token-of-ada' };
    await tester!.send('doors/many', {}, { headers });
    expect(told).toMatchObject({ caller: ADA, headers: { 'x-colour': 'red' } });
    expect(JSON.stringify(told)).not.toContain('token-of');
  });
});

it('limits the rate of each user by himself, whatever address they share', async () => {
  await open('required', DoorsAndTokens, { RATE_LIMIT_PER_SECOND: '1' });
  const statuses: number[] = [];
  for (const headers of [bearer('ada'), bearer('ada'), bearer('bob'), {}, {}]) {
    statuses.push((await post('plain', headers)).statusCode);
  }
  expect(statuses).toEqual([201, 429, 201, 401, 429]);
});

it('refuses to start where callers must authenticate and nothing knows them', async () => {
  await expect(open('required', DoorsModule)).rejects.toThrow(
    'nothing in this program can tell who calls',
  );
});
