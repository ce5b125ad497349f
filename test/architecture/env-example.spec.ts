import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { envSchema, loadEnv } from '../../src/kernel/env.js';
import { PROJECT } from './expectations.js';

const text = readFileSync(join(PROJECT, '.env.example'), 'utf8');
const lines = text.split('\n').filter((line) => line.trim() !== '');

/** `KEY=value`, or `# KEY=value` for a setting that is off by default. Everything else must be a comment. */
const settings = lines.flatMap((line) => {
  const [, key, value] = /^(?:# ?)?([A-Z][A-Z0-9_]*)=(.*)$/.exec(line) ?? [];
  return key === undefined ? [] : [{ key, value: value ?? '', isSet: !line.startsWith('#') }];
});

describe('.env.example', () => {
  it('names every setting of the program, once, and no other', () => {
    const named = settings.map(({ key }) => key).sort();

    expect(named).toEqual(Object.keys(envSchema.shape).sort());
  });

  it('is a list of settings and comments', () => {
    expect(lines.filter((line) => !/^(#|[A-Z][A-Z0-9_]*=)/.test(line))).toEqual([]);
  });

  it('starts the program as it stands, given the database that the stand gives', () => {
    const env = Object.fromEntries(
      settings.filter(({ isSet }) => isSet).map(({ key, value }) => [key, value]),
    );

    expect(() => loadEnv({ ...env, DATABASE_URL: 'postgres://127.0.0.1/millrace' })).not.toThrow();
  });
});
