import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { type Door, openDoor } from '../../../test/support/http-door.js';
import { HealthChecks } from '../observability/health-checks.js';

let door: Door;
let port: number;

beforeEach(async () => {
  door = await openDoor({ SHUTDOWN_GRACE_MS: '20000' });
  await door.app.listen(0, '127.0.0.1');
  port = (door.app.getHttpServer().address() as AddressInfo).port;
});
afterEach(() => door.close());

async function dial(): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

async function say(message: string): Promise<{ head: string; body: Record<string, unknown> }> {
  const socket = await dial();
  socket.write(message);
  const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n');
  return { head: head.toLowerCase(), body: JSON.parse(body) as Record<string, unknown> };
}

describe('what Node itself refuses is a problem, too', () => {
  it.each([
    ['no HTTP', 'HELLO\r\n\r\n', 400, '/problems/malformed-request'],
    [
      'headers of 140 kB',
      `GET /things HTTP/1.1\r\nhost: a\r\nx: ${'a'.repeat(140_000)}\r\n\r\n`,
      431,
      '/problems/headers-too-large',
    ],
    [
      'two lengths',
      'POST /things HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab',
      400,
      '/problems/malformed-request',
    ],
  ])('%s', async (_name, message, status, type) => {
    const { head, body } = await say(message);
    expect(head).toContain(`http/1.1 ${status}`);
    expect(head).toContain('content-type: application/problem+json');
    expect(body).toMatchObject({ status, type });
  });

  it('methods of WebDAV are not allowed', async () => {
    const { head, body } = await say(
      'PROPFIND /things HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n',
    );
    expect(head).toContain('allow: get, head, post');
    expect(body).toMatchObject({ status: 405 });
  });
});

describe('a client that takes its time', () => {
  it('to send its headers, or never sends any, is cut off while others are answered', async () => {
    door.app.getHttpServer().headersTimeout = 200;
    const idle = await Promise.all(Array.from({ length: 100 }, dial));
    const slow = await dial();
    slow.write('GET /things HTTP/1.1\r\nhost: a\r\nx-slow: ');
    const ended = [...idle, slow].map((socket) => once(socket.resume(), 'close'));
    expect((await fetch(`http://127.0.0.1:${port}/things/empty`)).status).toBe(200);
    await Promise.all(ended);
  });

  it('to send its body is told 408', async () => {
    door.app.getHttpServer().requestTimeout = 200;
    door.app.getHttpServer().headersTimeout = 200;
    const { head, body } = await say(
      'POST /things HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"payload":',
    );
    expect(head).toContain('http/1.1 408');
    expect(body).toMatchObject({ status: 408, type: '/problems/request-timeout' });
  });

  it('and hangs up in the middle of its body breaks nothing', async () => {
    const socket = await dial();
    socket.write(
      'POST /things HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"pay',
    );
    socket.destroy();
    expect((await fetch(`http://127.0.0.1:${port}/things/empty`)).status).toBe(200);
  });
});

describe('when the application closes', () => {
  it('a request that is under way is finished, and its connection given up', async () => {
    const reached = Promise.withResolvers<undefined>();
    const released = Promise.withResolvers<string>();
    door.effects.make = () => {
      reached.resolve(undefined);
      return released.promise;
    };
    const agent = new Agent({ keepAlive: true });
    const answered = post(agent);
    await reached.promise;
    const closed = door.app.close();
    const stillServed = await fetch(`http://127.0.0.1:${port}/things/empty`);
    expect([stillServed.status, stillServed.headers.get('connection')]).toEqual([200, 'close']);
    expect(door.app.get(HealthChecks).draining).toBe(true);
    released.resolve('019aa3a4-5b6c-7d8e-9f00-112233445566');
    expect(await answered).toEqual({ status: 201, connection: 'close' });
    await closed;
    await expect(fetch(`http://127.0.0.1:${port}/things/empty`)).rejects.toThrow();
  });
});

it('a stream without an end does not keep the application from closing', async () => {
  const impatient = await openDoor({ SHUTDOWN_GRACE_MS: '300' });
  await impatient.app.listen(0, '127.0.0.1');
  const { port: itsPort } = impatient.app.getHttpServer().address() as AddressInfo;
  const stream = await fetch(`http://127.0.0.1:${itsPort}/things/forever`);
  expect(stream.headers.get('content-type')).toBe('text/event-stream');
  const [read] = await Promise.allSettled([stream.text(), impatient.close()]);
  expect(read.status).toBe('rejected');
});

function post(agent: Agent): Promise<{ status?: number; connection?: string }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    request(
      { port, host: '127.0.0.1', path: '/things', method: 'POST', agent, headers },
      (answer) => {
        answer.resume();
        resolve({ status: answer.statusCode ?? 0, connection: answer.headers.connection ?? '' });
      },
    )
      .on('error', reject)
      .end('{"payload":"a"}');
  });
}
