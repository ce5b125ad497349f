import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { armedBy, crashPoint } from './crash-points.js';

const loader = new URL('../../test/support/run-typescript.mjs', import.meta.url).href;
const program = `
  const { crashPoint, crashPointOnceSent } = await import(${JSON.stringify(
    fileURLToPath(new URL('./crash-points.ts', import.meta.url)),
  )});
  for (let n = 1; n <= 4; n += 1) {
    console.log(n);
    crashPoint('relay.after-confirm');
    crashPointOnceSent('relay.after-publish');
    await new Promise(setImmediate);
  }`;

function run(env: Record<string, string>) {
  const { signal, stdout } = spawnSync(
    process.execPath,
    ['--import', loader, '--input-type=module', '--eval', program],
    { env: { ...process.env, ...env }, encoding: 'utf8' },
  );
  return { signal, reached: stdout.trim().split('\n').length };
}

describe('a crash point', () => {
  it('does nothing where none is armed', () => {
    expect(() => crashPoint('consumer.after-inbox')).not.toThrow();
    expect(run({ CRASH_AT: '' })).toEqual({ signal: null, reached: 4 });
  });

  it('kills the process at the passing that was asked for', () => {
    const at = (name: string) => run({ NODE_ENV: 'test', CRASH_AT: name });
    expect(at('relay.after-confirm')).toEqual({ signal: 'SIGKILL', reached: 1 });
    expect(at('relay.after-confirm:3')).toEqual({ signal: 'SIGKILL', reached: 3 });
    expect(at('relay.after-publish:2')).toEqual({ signal: 'SIGKILL', reached: 2 });
    expect(at('relay.after-delete')).toEqual({ signal: null, reached: 4 });
  });

  it.each(['production', 'development', ''])('cannot be armed where NODE_ENV is %p', (mode) => {
    expect(armedBy({ NODE_ENV: mode, CRASH_AT: 'relay.after-confirm' })).toBeUndefined();
    expect(armedBy({ NODE_ENV: 'test', CRASH_AT: 'relay.after-confirm' })).toBeDefined();
  });
});
