import Fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import { registerHttpTelemetry, registerHttpTracing } from './http-tracing.js';
import { createLogger } from './logger.js';
import { Metrics } from './metrics.js';
import { currentContext, currentTraceId } from './trace-context.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const TRACEPARENT = `00-${TRACE}-00f067aa0ba902b7-01`;

interface Seen {
  correlationId?: string;
  traceparent?: string;
  tracestate?: string;
}

let fastify: FastifyInstance;
let base: string;
let lines: Record<string, unknown>[];
let metrics: Metrics;

beforeEach(async () => {
  lines = [];
  metrics = new Metrics();
  const env = { LOG_LEVEL: 'info', NODE_ENV: 'test', OTEL_SERVICE_NAME: 'millrace' } as const;
  const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>);
  fastify = Fastify();
  registerHttpTracing(fastify);
  registerHttpTracing(fastify); // the second does nothing
  registerHttpTelemetry(fastify, metrics, createLogger(env, { write }));
  fastify.setErrorHandler((_error, _request, reply) =>
    reply.code(400).send({ id: currentTraceId() }),
  );
  fastify.get('/things/:id', async () => currentContext());
  fastify.post('/things', async () => currentContext());
  fastify.get('/broken', (_request, reply) => reply.code(503).send({}));
  base = await fastify.listen({ port: 0, host: '127.0.0.1' });
});
afterEach(() => fastify.close());

const get = (headers: Record<string, string> = {}, path = '/things/17') =>
  fetch(`${base}${path}`, { headers });

async function post(body: string, chunks = 1) {
  const size = Math.ceil(body.length / chunks);
  const parts = Array.from({ length: chunks }, (_, i) => body.slice(i * size, (i + 1) * size));
  return fetch(`${base}/things`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', traceparent: TRACEPARENT },
    body: ReadableStream.from(parts.map((part) => Buffer.from(part))),
    duplex: 'half',
  });
}

describe('a request', () => {
  it('continues the trace of its caller', async () => {
    const answer = await get({ traceparent: TRACEPARENT, tracestate: 'vendor=1' });
    expect(await answer.json()).toEqual({
      traceparent: TRACEPARENT,
      tracestate: 'vendor=1',
      correlationId: TRACE,
    });
  });

  it('without a trace begins one of its own, different from the next', async () => {
    const [one, two] = await Promise.all([get(), get({ traceparent: 'nonsense' })]);
    const [first, second] = [(await one.json()) as Seen, (await two.json()) as Seen];
    expect(first.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(second.traceparent).not.toBe(first.traceparent);
  });

  it('keeps its correlation id, in the context and in the answer', async () => {
    const answer = await get({ 'x-correlation-id': 'order-17' });
    expect(answer.headers.get('x-correlation-id')).toBe('order-17');
    expect(((await answer.json()) as Seen).correlationId).toBe('order-17');
  });

  it.each([['x'.repeat(129)], ['two words'], ['']])(
    'with the correlation id %j gets a new one',
    async (given) => {
      const answer = await get({ 'x-correlation-id': given });
      expect(answer.headers.get('x-correlation-id')).toMatch(/^[0-9a-f]{32}$/);
    },
  );

  it('is still in its context after its body was read, in one piece or in many', async () => {
    const body = JSON.stringify({ payload: 'x'.repeat(100_000) });
    for (const chunks of [1, 7]) {
      const answer = await post(body, chunks);
      expect(((await answer.json()) as Seen).traceparent).toBe(TRACEPARENT);
    }
  });

  it('whose body is broken is answered in its context', async () => {
    expect(await (await post('{"broken')).json()).toEqual({ id: TRACE });
  });

  it('never sees the context of another', async () => {
    const ids = Array.from({ length: 200 }, (_, i) => `order-${i}`);
    const answers = await Promise.all(ids.map((id) => get({ 'x-correlation-id': id })));
    const seen = (await Promise.all(answers.map((answer) => answer.json()))) as Seen[];
    expect(seen.map(({ correlationId }) => correlationId)).toEqual(ids);
  });
});

describe('the access log', () => {
  it('names what failed, with its trace and without its query', async () => {
    await get({ traceparent: TRACEPARENT }, '/broken?token=cAnary');
    await fastify.close();
    expect(lines).toMatchObject([
      { level: 'info', status: 503, path: '/broken', route: '/broken', trace_id: TRACE },
    ]);
    expect(JSON.stringify(lines)).not.toContain('cAnary');
  });

  it('is silent at info about what went well', async () => {
    await get();
    await fastify.close();
    expect(lines).toEqual([]);
  });
});

describe('the duration of requests', () => {
  it('is counted by route template, so that a thousand ids are one series', async () => {
    await Promise.all(['1', '2', '3'].map((id) => get({}, `/things/${id}`)));
    await get({}, '/nowhere/1');
    await get({}, '/nowhere/2');
    await fastify.close();
    const text = await metrics.registry.metrics();
    const counts = [...text.matchAll(/^http_request_duration_seconds_count(\{.*\} \d+)$/gm)];
    expect(counts.map(([, series]) => series).sort()).toEqual([
      '{method="GET",route="/things/:id",status_class="2xx"} 3',
      '{method="GET",route="unknown",status_class="4xx"} 2',
    ]);
  });
});
