import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type App, bootApp } from '../../../test/support/app.js';
import { ProviderStand } from '../../../test/support/providers.js';
import { startChain, type WorkflowRun } from '../../../test/support/workflow-runs.js';
import type { JsonObject } from '../definition/json.js';

interface Heard {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const SILENCE = 0;

/** A server on loopback that says what it is told to, in turn; the last for ever. */
class Elsewhere {
  readonly heard: Heard[] = [];
  readonly answers: { status: number; type?: string; body?: string }[] = [];
  readonly #server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method, url, headers } = request;
      this.heard.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
      const next = this.answers.length > 1 ? this.answers.shift() : this.answers[0];
      const { status = 200, type = 'application/json', body = '{}' } = next ?? {};
      if (status === SILENCE) return;
      response.writeHead(status, { 'content-type': type }).end(body);
    });
  });

  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`;
  }

  say(...answers: Elsewhere['answers']): void {
    this.answers.splice(0, this.answers.length, ...answers);
    this.heard.length = 0;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

const elsewhere = new Elsewhere();
let app: App;
let host: string;
let providers: ProviderStand;

describe('a node that calls others', () => {
  beforeAll(async () => {
    host = await elsewhere.open();
    providers = await ProviderStand.open();
    app = await bootApp({ env: { ...providers.env, WORKFLOWS_PRIVATE_HOSTS: host }, shared: true });
  });
  afterAll(async () => {
    await app.stop();
    await providers.close();
    await elsewhere.close();
  });

  const node = (kind: string, config: JsonObject, more: JsonObject = {}) => [
    { id: 'call', type: 'task', kind, config, ...more },
  ];
  const called = (config: JsonObject, more: JsonObject = {}): Promise<WorkflowRun> =>
    startChain(app, node('http', { url: `http://${host}/orders`, ...config }, more), { id: 17 });
  const incidentOf = async (run: WorkflowRun) => (await run.positions())[0]?.incident;
  /** A job that is not tried again. */
  const once_ = { retry: { max_attempts: 1 } };

  describe('by http', () => {
    it('sends what the config computes, and keeps status and body', async () => {
      elsewhere.say({ status: 201, body: '{"boxes": 2}' });
      const run = await called({
        method: 'POST',
        url: `http://${host}/orders/{{ id }}?x=1`,
        headers: { Authorization: 'Bearer {{ id }}' },
        json: { id: '=id' },
      });
      expect(elsewhere.heard).toMatchObject([
        {
          method: 'POST',
          url: '/orders/17?x=1',
          body: '{"id":17}',
          headers: {
            'content-type': 'application/json',
            authorization: 'Bearer 17',
            'idempotency-key': `workflow/${run.id}/call/2`,
          },
        },
      ]);
      expect(await run.view()).toMatchObject({
        status: 'completed',
        variables: { call: { status: 201, body: { boxes: 2 } } },
      });
    });

    it('takes statuses that it expects, and no others', async () => {
      elsewhere.say({ status: 404, type: 'text/plain', body: 'none' });
      const expected = await called({ expect: [200, 404] });
      expect(await expected.view()).toMatchObject({
        variables: { call: { status: 404, body: 'none' } },
      });
      expect(await incidentOf(await called({}))).toMatchObject({
        code: 'http-404',
        message: expect.stringContaining('was answered 404: none') as string,
      });
      elsewhere.say({ status: 200 });
      expect(await incidentOf(await called({ expect: [404] }))).toMatchObject({ code: 'http-200' });
      elsewhere.say({ status: 302 });
      expect(await incidentOf(await called({}))).toMatchObject({ code: 'http-302' });
    });

    it.each([429, 503])('tries again after %i, with the same key', async (status) => {
      elsewhere.say({ status }, { status }, { status: 200 });
      const run = await called({}, { retry: { max_attempts: 3, delay: 'PT0.01S' } });
      await app.until(async () => (await run.view()).status === 'completed');
      const keys = elsewhere.heard.map(({ headers }) => headers['idempotency-key']);
      expect(keys).toHaveLength(3);
      expect(new Set(keys).size).toBe(1);
    });

    it('gives up where another attempt cannot help', async () => {
      elsewhere.say({ status: 400 });
      const run = await called({}, { retry: { max_attempts: 5, delay: 'PT0.01S' } });
      expect(await incidentOf(run)).toMatchObject({ code: 'http-400' });
      expect(elsewhere.heard).toHaveLength(1);
    });

    it('waits no longer than it is told to', async () => {
      elsewhere.say({ status: SILENCE });
      const run = await called({ timeout_ms: 50 }, once_);
      expect(await incidentOf(run)).toMatchObject({ code: 'http-failed' });
    });

    it.each([
      ['a private address', 'http://127.0.0.1:1/', 'forbidden-address'],
      ['where clouds keep their credentials', 'http://169.254.169.254/latest', 'forbidden-address'],
      ['a name of a private address', 'http://localhost:1/', 'forbidden-address'],
      ['no URL', 'elsewhere', 'invalid-config'],
      ['a file', 'file:///etc/passwd', 'invalid-config'],
    ])('does not go to %s', async (_, url, code) => {
      expect(await incidentOf(await called({ url }))).toMatchObject({ code });
    });

    it.each([
      ['broken JSON', { status: 200, body: '{"a":' }, 'bad-answer'],
      ['what cannot be stored', { status: 200, body: '["a\\u0000"]' }, 'bad-answer'],
      ['half a character', { status: 200, body: '{"\\ud83d": 1}' }, 'bad-answer'],
      ['a zero', { status: 200, type: 'text/plain', body: 'a\0b' }, 'bad-answer'],
      ['a refusal with a zero', { status: 400, type: 'text/plain', body: 'a\0b' }, 'http-400'],
      ['too much', { status: 200, body: `"${'x'.repeat(300_000)}"` }, 'bad-answer'],
      ['a server error', { status: 500 }, 'http-500'],
    ])('has an incident for %s', async (_, answer, code) => {
      elsewhere.say(answer);
      expect(await incidentOf(await called({}, once_))).toMatchObject({ code });
    });

    it('lets the process take an error', async () => {
      elsewhere.say({ status: 409 });
      const run = await called(
        {},
        { on: [{ error: 'http-409', outcome: 'taken' }], outcomes: ['done'], final: true },
      );
      expect(await run.view()).toMatchObject({
        status: 'completed',
        outcome: 'done',
        incidents: 0,
      });
    });
  });

  describe('by provider', () => {
    it('has a message processed, and keeps the answer', async () => {
      const run = await startChain(
        app,
        node('provider', { payload: { text: 'Number {{ id }}' } }),
        {
          id: 17,
        },
      );
      const view = await app.until(async () => {
        const now = await run.view();
        return now.status === 'completed' ? now : undefined;
      });
      expect(view.variables['call']).toEqual({ id: 'free-1' });
      const [message] = await app.sql('select payload, state from providers.message');
      expect(message).toEqual({ payload: { text: 'Number 17' }, state: 'succeeded' });
    });

    it('has an incident for what a message cannot be', async () => {
      const run = await startChain(app, node('provider', { payload: 'x', provider: 'cheap' }));
      const incident = await incidentOf(run);
      expect(incident?.message).toContain('payload.provider');
    });
  });
});
