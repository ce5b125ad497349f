import { Logger } from '@nestjs/common';
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import { registerHttpTracing } from './http-tracing.js';
import {
  childTraceparent,
  continueTrace,
  currentContext,
  currentTraceId,
  runWithContext,
  traceIdOf,
} from './trace-context.js';
import {
  flushSpans,
  isTracing,
  startSpan,
  startTracing,
  stopTracing,
  withSpan,
} from './tracing.js';

interface Received {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  kind: number;
}

/** As much of a protobuf reader as OTLP needs: the fields of one message, by number. */
function fieldsOf(message: Buffer): [number, Buffer | number][] {
  const fields: [number, Buffer | number][] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = message[at++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const wire = tag & 7;
    if (wire === 0) fields.push([tag >> 3, varint()]);
    else {
      const length = wire === 2 ? varint() : wire === 1 ? 8 : 4;
      fields.push([tag >> 3, message.subarray(at, at + length)]);
      at += length;
    }
  }
  return fields;
}

const nested = (message: Buffer, field: number): Buffer[] =>
  fieldsOf(message).flatMap(([number, value]) =>
    number === field && Buffer.isBuffer(value) ? [value] : [],
  );

function spansOf(request: Buffer): Received[] {
  const spans = nested(request, 1).flatMap((resource) =>
    nested(resource, 2).flatMap((scope) => nested(scope, 2)),
  );
  return spans.map((span) => ({
    traceId: nested(span, 1)[0]?.toString('hex') ?? '',
    spanId: nested(span, 2)[0]?.toString('hex') ?? '',
    parentSpanId: nested(span, 4)[0]?.toString('hex') ?? '',
    name: nested(span, 5)[0]?.toString() ?? '',
    kind: Number(fieldsOf(span).find(([number]) => number === 6)?.[1]),
  }));
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const [SERVER, PRODUCER, CONSUMER] = [2, 4, 5];

describe('without an endpoint', () => {
  it('spans cost nothing and do nothing, and ids pass through', async () => {
    await startTracing({ OTEL_SERVICE_NAME: 'millrace', OTEL_EXPORTER_OTLP_ENDPOINT: undefined });
    expect(isTracing()).toBe(false);
    const caller = continueTrace();
    await runWithContext(caller, () =>
      withSpan('work', 'internal', {}, async (span) => {
        expect(span.isRecording()).toBe(false);
        expect(childTraceparent()).toBe(caller.traceparent);
        await flushSpans();
      }),
    );
  });
});

describe('with an endpoint', () => {
  let collector: Server;
  let bodies: Buffer[];
  let paths: (string | undefined)[];

  beforeAll(async () => {
    collector = createServer((request, response) => {
      paths.push(request.url);
      void bodyOf(request).then((body) => {
        bodies.push(body);
        response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
      });
    });
    await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
    const { port } = collector.address() as AddressInfo;
    const endpoint = `http://127.0.0.1:${port}/`;
    await startTracing({ OTEL_SERVICE_NAME: 'mill', OTEL_EXPORTER_OTLP_ENDPOINT: endpoint });
  });
  beforeEach(() => {
    bodies = [];
    paths = [];
  });
  afterAll(async () => {
    await stopTracing();
    collector.closeAllConnections();
    await new Promise((resolve) => collector.close(resolve));
  });

  const exported = async () => {
    await flushSpans();
    return bodies.flatMap(spansOf);
  };

  it('one request is one trace: server, producer, consumer, each below the one before', async () => {
    const fastify = Fastify();
    registerHttpTracing(fastify);
    const sent: Record<string, string> = {};
    fastify.post('/orders/:id', async () => {
      await withSpan('orders publish', 'producer', {}, async () => {
        sent['traceparent'] = childTraceparent();
        sent['correlation'] = currentContext()?.correlationId ?? '';
      });
      return { traceId: currentTraceId() };
    });
    const base = await fastify.listen({ port: 0, host: '127.0.0.1' });
    const answer = await fetch(`${base}/orders/17`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-correlation-id': 'order-17' },
      body: '{"payload":"cAnary"}',
    });
    const { traceId } = (await answer.json()) as { traceId: string };
    // The message arrives twice, somewhere else: all that is left of the request are its headers.
    for (const attempt of [1, 2]) {
      await runWithContext(continueTrace(sent['traceparent'], sent['correlation']), () =>
        withSpan('orders process', 'consumer', { attempt }, async () => {
          expect(currentTraceId()).toBe(traceId);
          expect(currentContext()?.correlationId).toBe('order-17');
        }),
      );
    }
    await fastify.close();

    const spans = await exported();
    const of = (kind: number | undefined) => spans.filter((span) => span.kind === kind);
    const [server, producer] = [of(SERVER)[0], of(PRODUCER)[0]];
    expect(spans).toHaveLength(4);
    expect(new Set(spans.map((span) => span.traceId))).toEqual(new Set([traceId]));
    expect(server).toMatchObject({ name: 'POST /orders/:id', parentSpanId: '' });
    expect(producer).toMatchObject({ parentSpanId: server?.spanId });
    expect(of(CONSUMER).map((span) => span.parentSpanId)).toEqual([
      producer?.spanId,
      producer?.spanId,
    ]);
    expect(new Set(paths)).toEqual(new Set(['/v1/traces']));
    const raw = Buffer.concat(bodies).toString('latin1');
    expect(raw).toContain('mill');
    expect(raw).not.toContain('cAnary');
  });

  it("the caller's span stands above ours", async () => {
    const caller = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    await runWithContext(continueTrace(caller), () =>
      withSpan('work', 'internal', {}, async () => Promise.resolve()),
    );
    expect(await exported()).toMatchObject([
      { traceId: 'a'.repeat(32), parentSpanId: 'b'.repeat(16) },
    ]);
  });

  it('a trace that its caller does not sample is not recorded, but carried on', async () => {
    const caller = continueTrace(`00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`);
    await runWithContext(caller, () =>
      withSpan('work', 'internal', {}, async () => {
        expect(childTraceparent()).toMatch(/^00-a{32}-[0-9a-f]{16}-00$/);
        return Promise.resolve();
      }),
    );
    expect(await exported()).toEqual([]);
  });

  it('a trace that begins here has a root span with the very id that logs and answers name', async () => {
    const begun = continueTrace();
    await runWithContext(begun, () =>
      withSpan('job', 'internal', {}, async () => Promise.resolve()),
    );
    expect(await exported()).toMatchObject([
      { traceId: traceIdOf(begun.traceparent), parentSpanId: '' },
    ]);
  });

  it('a message handled inside a request of somebody else keeps its own trace', async () => {
    const message = continueTrace(`00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`);
    await runWithContext(continueTrace(), () =>
      withSpan('request', 'server', {}, () =>
        runWithContext(message, () => withSpan('message', 'consumer', {}, () => Promise.resolve())),
      ),
    );
    const spans = await exported();
    expect(spans.find(({ name }) => name === 'message')).toMatchObject({
      traceId: 'c'.repeat(32),
      parentSpanId: 'd'.repeat(16),
    });
  });

  it('a span may be opened under the traceparent of a stored message', async () => {
    startSpan('publish', 'producer', {}, `00-${'e'.repeat(32)}-${'f'.repeat(16)}-01`).end();
    expect(await exported()).toMatchObject([
      { traceId: 'e'.repeat(32), parentSpanId: 'f'.repeat(16) },
    ]);
  });

  it('an error passes through the span unchanged, and its secrets do not', async () => {
    const error = new Error('cannot reach postgres://u:cAnary@host/db');
    await expect(withSpan('work', 'internal', {}, () => Promise.reject(error))).rejects.toBe(error);
    await flushSpans();
    const raw = Buffer.concat(bodies).toString('latin1');
    expect(raw).toContain('[redacted]@host');
    expect(raw).not.toContain('cAnary');
  });

  it('a collector that is away costs a warning, never an error', async () => {
    Logger.overrideLogger(false);
    await withSpan('lost', 'internal', {}, async () => Promise.resolve());
    collector.closeAllConnections();
    await new Promise((resolve) => collector.close(resolve));
    await expect(flushSpans()).resolves.toBeUndefined();
  });
});
