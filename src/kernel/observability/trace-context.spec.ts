import { ROOT_CONTEXT, context, trace } from '@opentelemetry/api';
import fc from 'fast-check';
import {
  childTraceparent,
  continueTrace,
  currentContext,
  currentTraceId,
  formatTraceparent,
  newSpanId,
  newTraceId,
  parseTraceparent,
  runWithContext,
  traceIdOf,
} from './trace-context.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const VALID = `00-${TRACE}-${SPAN}-01`;

const hex = (length: number) =>
  fc
    .array(fc.constantFrom(...'0123456789abcdef'), { minLength: length, maxLength: length })
    .map((digits) => digits.join(''));
const nonZero = (length: number) => hex(length).filter((id) => !/^0+$/.test(id));

describe('traceparent', () => {
  it.each([
    ['upper case', VALID.toUpperCase()],
    ['a trace id of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['a span id of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['version ff', `ff-${TRACE}-${SPAN}-01`],
    ['a field after version 00', `${VALID}-what-the-future-holds`],
    ['glued characters after a later version', `cc-${TRACE}-${SPAN}-01.more`],
    ['an id that is too short', `00-${TRACE.slice(1)}-${SPAN}-01`],
    ['white space', ` ${VALID}`],
    ['a line break at its end', `${VALID}\n`],
    ['nothing', ''],
  ])('is refused with %s, and a new trace begins', (_, header) => {
    expect(parseTraceparent(header)).toBeUndefined();
    const begun = continueTrace(header, undefined, 'vendor=1');
    expect(begun.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(begun.traceparent).not.toContain(TRACE);
    expect(begun.tracestate).toBeUndefined();
  });

  it('of a later version is read by its first four fields', () => {
    expect(continueTrace(`cc-${TRACE}-${SPAN}-01-more`).traceparent).toBe(VALID);
    expect(continueTrace(`cc-${TRACE}-${SPAN}-01`).traceparent).toBe(VALID);
  });

  it('of every valid form survives parsing and formatting, with only the sampled flag kept', () => {
    fc.assert(
      fc.property(nonZero(32), nonZero(16), hex(2), (traceId, spanId, flags) => {
        const parsed = parseTraceparent(`00-${traceId}-${spanId}-${flags}`);
        const sampled = Number.parseInt(flags, 16) & 1;
        expect(parsed).toMatchObject({ traceId, spanId, traceFlags: sampled, isRemote: true });
        expect(parsed && formatTraceparent(parsed)).toBe(`00-${traceId}-${spanId}-0${sampled}`);
      }),
    );
  });

  it('of any other form never throws and always gives a valid context', () => {
    const nearly = fc
      .tuple(fc.string({ maxLength: 6 }), fc.nat(VALID.length), fc.nat(6))
      .map(([noise, at, cut]) => VALID.slice(0, at) + noise + VALID.slice(at + cut));
    fc.assert(
      fc.property(fc.oneof(nearly, fc.string()), fc.string(), (header, correlationId) => {
        const made = continueTrace(header, correlationId);
        expect(parseTraceparent(made.traceparent)).toBeDefined();
        expect(made.correlationId).toMatch(/^[\x21-\x7e]{1,128}$/);
      }),
    );
  });
});

describe('ids', () => {
  it('are valid and do not repeat', () => {
    const ids = Array.from({ length: 10_000 }, () => `00-${newTraceId()}-${newSpanId()}-01`);
    expect(ids.every((id) => parseTraceparent(id) !== undefined)).toBe(true);
    expect(new Set(ids.map(traceIdOf)).size).toBe(ids.length);
  });
});

describe('correlation id', () => {
  it('of the caller is kept', () => {
    expect(continueTrace(VALID, 'order-17').correlationId).toBe('order-17');
    expect(continueTrace(VALID, 'x'.repeat(128)).correlationId).toHaveLength(128);
  });

  it.each([['x'.repeat(129)], ['two words'], ['line\nbreak'], ['ünicode'], ['']])(
    '%j is replaced by the trace id',
    (given) => {
      expect(continueTrace(VALID, given).correlationId).toBe(TRACE);
    },
  );
});

describe('current context', () => {
  const ours = continueTrace(VALID, 'order-17');

  it('holds through awaits and not beside them', async () => {
    const seen = await runWithContext(ours, async () => {
      await Promise.resolve();
      return [currentContext(), currentTraceId(), childTraceparent()];
    });
    expect(seen).toEqual([ours, TRACE, VALID]);
    expect(currentContext()).toBeUndefined();
    expect(currentTraceId()).toBeUndefined();
  });

  it('is not mixed up between concurrent runs', async () => {
    const runs = Array.from({ length: 50 }, () => continueTrace());
    const seen = await Promise.all(
      runs.map((run) =>
        runWithContext(run, async () => {
          await new Promise(setImmediate);
          return childTraceparent();
        }),
      ),
    );
    expect(seen).toEqual(runs.map((run) => run.traceparent));
  });

  it('outside of any run, what leaves begins a new trace', () => {
    expect(parseTraceparent(childTraceparent())).toBeDefined();
    expect(childTraceparent()).not.toBe(childTraceparent());
  });
});

describe('with an OpenTelemetry span open', () => {
  const span = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 };
  const inSpan = <T>(fn: () => T) => context.with(trace.setSpanContext(ROOT_CONTEXT, span), fn);

  beforeAll(async () => {
    const { AsyncLocalStorageContextManager } = await import('@opentelemetry/context-async-hooks');
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  });
  afterAll(() => context.disable());

  it('its ids are the ones in use', () => {
    runWithContext(continueTrace(VALID), () => {
      inSpan(() => {
        expect(currentTraceId()).toBe(span.traceId);
        expect(childTraceparent()).toBe(formatTraceparent(span));
      });
    });
  });

  it('a context that is run inside it wins over it', () => {
    inSpan(() => {
      runWithContext(continueTrace(VALID), () => {
        expect(currentTraceId()).toBe(TRACE);
        expect(childTraceparent()).toBe(VALID);
      });
      expect(currentTraceId()).toBe(span.traceId);
    });
  });
});
