import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { loadEnv } from '../../kernel/env.js';
import { ProviderClient, type ProviderRequest } from './provider-client.js';

describe('a call of a provider', () => {
  let server: Server;
  let client: ProviderClient;

  const listen = async (listener: RequestListener): Promise<string> => {
    server = createServer(listener);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  };
  const clientFor = (...privateHosts: string[]) => {
    const DATABASE_URL = 'postgres://nobody@127.0.0.1/nothing';
    client = new ProviderClient(
      loadEnv({ DATABASE_URL, PROVIDERS_PRIVATE_HOSTS: privateHosts.join(',') || '127.0.0.1:1' }),
    );
    return client;
  };
  const call = (host: string, more: Partial<ProviderRequest> = {}) =>
    client.call({
      url: new URL(`http://${host}/v1/messages`),
      messageId: '019aa3a4-5b6c-7d8e-9f00-112233445566',
      payload: { text: 'hi' },
      timeoutMs: 2_000,
      beforeWrite: () => true,
      ...more,
    });
  const resultFrom = async (listener: RequestListener, more: Partial<ProviderRequest> = {}) => {
    const host = await listen(listener);
    clientFor(host);
    return (await call(host, more)).result;
  };

  afterEach(async () => {
    await client.onApplicationShutdown();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('carries the message and its id as the idempotency key', async () => {
    const seen: unknown[] = [];
    const result = await resultFrom((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += String(chunk)));
      request.on('end', () => {
        seen.push(request.method, request.headers['idempotency-key'], JSON.parse(body));
        response.end('{"answer":42}');
      });
    });
    expect(result).toEqual({ kind: 'answered', response: { answer: 42 } });
    const id = '019aa3a4-5b6c-7d8e-9f00-112233445566';
    expect(seen).toEqual(['POST', id, { id, payload: { text: 'hi' } }]);
  });

  it.each([
    [429, 'refused'],
    [500, 'broken'],
    [503, 'broken'],
    [400, 'rejected'],
    [409, 'unknown'],
  ])('answered with %d is %s', async (status, kind) => {
    const result = await resultFrom((_request, response) => response.writeHead(status).end('{}'));
    expect(result.kind).toBe(kind);
  });

  it('follows no redirect', async () => {
    let calls = 0;
    const result = await resultFrom((_request, response) => {
      calls += 1;
      response.writeHead(307, { location: '/elsewhere' }).end();
    });
    expect([result.kind, calls]).toEqual(['rejected', 1]);
  });

  it('takes no answer of a gigabyte, told or untold', async () => {
    const told = await resultFrom((_request, response) => {
      response.writeHead(200, { 'content-length': 1_073_741_824 }).flushHeaders();
    });
    expect(told).toMatchObject({ kind: 'rejected', code: 'answer-too-large' });
    server.closeAllConnections();
    await client.onApplicationShutdown();
    server.close();
    const untold = await resultFrom((_request, response) => {
      const chunk = Buffer.alloc(65_536, 'x');
      const write = (): void => {
        while (!response.destroyed && response.write(chunk)) continue;
      };
      response.on('drain', write);
      write();
    });
    expect(untold).toMatchObject({ kind: 'rejected', code: 'answer-too-large' });
  });

  it('ends with its time, however slowly an endless answer drips', async () => {
    const since = performance.now();
    const result = await resultFrom(
      (_request, response) => {
        const drip = (): void => {
          if (response.destroyed) return;
          response.write(' ');
          setImmediate(drip);
        };
        drip();
      },
      { timeoutMs: 300 },
    );
    expect(result).toMatchObject({ kind: 'unknown', code: 'timeout' });
    expect(performance.now() - since).toBeLessThan(1_500);
  });

  it('is unknown, not unsent, when it is cut off after it was written', async () => {
    const result = await resultFrom((request) => request.socket.destroy());
    expect(result.kind).toBe('unknown');
  });

  it.each(['{"broken":', 'hello', '['.repeat(100_000)])(
    'takes no answer like %.12s',
    async (body) => {
      const result = await resultFrom((_request, response) => response.end(body));
      expect(result).toMatchObject({ kind: 'rejected', code: 'bad-answer' });
    },
  );

  it('is unsent when nobody listens, when its permit has run out, and at private addresses', async () => {
    let calls = 0;
    const host = await listen((_request, response) => {
      calls += 1;
      response.end('{}');
    });
    clientFor(host, '127.0.0.1:1');
    expect((await call('127.0.0.1:1')).result.kind).toBe('unsent');
    const lapsed = await call(host, { beforeWrite: () => false });
    expect(lapsed.result).toMatchObject({ kind: 'unsent', code: 'permit-lapsed' });
    await client.onApplicationShutdown();
    clientFor();
    expect((await call(host)).result).toMatchObject({ kind: 'unsent', code: 'forbidden-address' });
    const byName = host.replace('127.0.0.1', 'localhost');
    expect((await call(byName)).result).toMatchObject({
      kind: 'unsent',
      code: 'forbidden-address',
    });
    expect(calls).toBe(0);
  });
});
