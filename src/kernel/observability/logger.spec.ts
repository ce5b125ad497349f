import { Logger } from '@nestjs/common';
import { createLogger, JsonLogger } from './logger.js';
import { continueTrace, runWithContext } from './trace-context.js';

const CANARY = 'cAnary-7f3a9b';

function recording(level: 'info' | 'debug' = 'debug') {
  const lines: string[] = [];
  const pino = createLogger(
    { LOG_LEVEL: level, NODE_ENV: 'test', OTEL_SERVICE_NAME: 'millrace' },
    { write: (line) => void lines.push(line) },
  );
  const last = () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown>;
  return { pino, lines, last };
}

describe('a line of the log', () => {
  it('is one JSON object with time, level, service and text', () => {
    const { pino, lines, last } = recording();
    pino.info('first\nsecond');
    expect(lines).toHaveLength(1);
    expect(lines[0]?.trimEnd()).not.toContain('\n');
    expect(last()).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as unknown,
      service: 'millrace',
      msg: 'first\nsecond',
    });
  });

  it('names the trace and the correlation id of what is running', () => {
    const { pino, last } = recording();
    const running = continueTrace(`00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, 'order-17');
    runWithContext(running, () => pino.info('inside'));
    expect(last()).toMatchObject({ trace_id: 'a'.repeat(32), correlation_id: 'order-17' });
    pino.info('outside');
    expect(last()).not.toHaveProperty('trace_id');
  });

  it('never holds a secret, however it got in', () => {
    const { pino, lines } = recording();
    const url = `postgres://user:${CANARY}@host/db`;
    const error = new Error(`cannot reach ${url}`);
    pino.info(`cannot reach ${url}`);
    pino.info('%s and %s', 'password=', url);
    pino.info({ req: { headers: { authorization: CANARY, cookie: [CANARY] } } }, url);
    pino.error(error);
    pino.error({ err: new Error('outer', { cause: error }) });
    expect(lines).toHaveLength(5);
    expect(lines.join('')).not.toContain(CANARY);
  });
});

describe("Nest's loggers", () => {
  const { pino, last, lines } = recording();
  const log = new Logger('Tasks');
  beforeAll(() => void Logger.overrideLogger(new JsonLogger(pino)));
  afterAll(() => void Logger.overrideLogger(false));

  it('write a text with their context', () => {
    log.log('started');
    expect(last()).toMatchObject({ level: 'info', context: 'Tasks', msg: 'started' });
  });

  it('merge an object into the line', () => {
    log.warn({ err: new TypeError('no'), taskId: 7 }, 'failed');
    expect(last()).toMatchObject({
      level: 'warn',
      context: 'Tasks',
      msg: 'failed',
      taskId: 7,
      err: { type: 'TypeError', message: 'no', stack: expect.any(String) as unknown },
    });
    log.log({ taskId: 8 });
    expect(last()).toMatchObject({ context: 'Tasks', taskId: 8 });
  });

  it('take errors and stacks in every way Nest gives them', () => {
    const error = new Error('broken');
    log.error(error);
    expect(last()).toMatchObject({ level: 'error', msg: 'broken', err: { message: 'broken' } });
    log.error('it is', error.stack);
    expect(last()).toMatchObject({ msg: 'it is', context: 'Tasks', stack: error.stack });
    log.error('alone');
    expect(last()).toMatchObject({ msg: 'alone', context: 'Tasks' });
  });

  it('keep secrets and percent signs from being interpreted', () => {
    log.log(`100%s of password=${CANARY}`, { secret: CANARY });
    expect(last()).toMatchObject({ msg: '100%s of password=[redacted]', secret: '[redacted]' });
    expect(lines.join('')).not.toContain(CANARY);
  });

  it("of Nest's own wiring are for debugging only", () => {
    new Logger('RouterExplorer').log('Mapped {/x, GET} route');
    expect(last()).toMatchObject({ level: 'debug', context: 'RouterExplorer' });
    new Logger('RouterExplorer').warn('odd route');
    expect(last()).toMatchObject({ level: 'warn' });
  });

  it('map levels, and write nothing below the level', () => {
    log.fatal('f');
    expect(last()).toMatchObject({ level: 'fatal' });
    const before = lines.length;
    log.verbose('v');
    expect(lines).toHaveLength(before);
  });
});
