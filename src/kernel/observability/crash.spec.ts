import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';

const here = import.meta.dirname;
const register = pathToFileURL(join(here, '../../../test/support/run-typescript.mjs')).href;
const logger = pathToFileURL(join(here, 'logger.ts')).href;

/** A process that logs a thousand lines in the background and then ends the given way. */
async function run(ending: string) {
  const script = `
    import { createLogger, exitOnCrash, flushLogs } from '${logger}';
    const logger = createLogger({ LOG_LEVEL: 'info', NODE_ENV: 'production', OTEL_SERVICE_NAME: 'm' });
    exitOnCrash(logger);
    for (let i = 0; i < 1000; i += 1) logger.info({ i }, 'line');
    ${ending}`;
  const args = ['--import', register, '--input-type=module', '--eval', script];
  const child = spawn(process.execPath, args, { env: { PATH: process.env['PATH'] } });
  const [out, err, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number]>,
  ]);
  const lines = out.trimEnd().split('\n');
  return { code, err, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('when the process ends, no line of the log is lost', () => {
  it.each([
    ['a thrown error', "setImmediate(() => { throw new Error('password=cAnary'); });"],
    ['a rejection', "void Promise.reject(new Error('password=cAnary'));"],
  ])('by %s, which is the last line, without its secrets', async (_, ending) => {
    const { code, err, lines } = await run(ending);
    expect(code).toBe(1);
    expect(lines).toHaveLength(1_001);
    expect(lines.at(-1)).toMatchObject({
      level: 'fatal',
      msg: 'crashed',
      err: { message: 'password=[redacted]' },
    });
    expect(err + JSON.stringify(lines)).not.toContain('cAnary');
  });

  it.each([
    ['while lines are still being written', ''],
    ['when none is', 'await flushLogs();'],
  ])('by its own decision %s', async (_, before) => {
    const { code, lines } = await run(`${before} await flushLogs(); process.exit(3);`);
    expect(code).toBe(3);
    expect(lines.map(({ i }) => i)).toEqual(Array.from({ length: 1_000 }, (_line, i) => i));
  });
});
