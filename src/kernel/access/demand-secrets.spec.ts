import { loadEnv } from '../env.js';
import { demandSecrets } from './demand-secrets.js';

const GOOD = {
  AUTH_MODE: 'required',
  NODE_ENV: 'production',
  AUTH_KEYS: `2025-11:${'k'.repeat(32)}`,
  DATABASE_URL: 'postgres://app:7rWq0x@127.0.0.1/app',
};

const demanding = (changes: Record<string, string>) => () => {
  demandSecrets(loadEnv({ ...GOOD, ...changes }));
};

it('lets a process start whose secrets are its own', () => {
  expect(demanding({})).not.toThrow();
});

it.each([
  [{ AUTH_KEYS: '' }, 'AUTH_KEYS is required'],
  [{ AUTH_KEYS: `old:${'k'.repeat(31)}` }, 'less than 32 bytes: "old"'],
  [{ AUTH_KEYS: `a:${'k'.repeat(32)},a:${'l'.repeat(32)}` }, 'two keys of one name'],
  [{ DATABASE_URL: 'postgres://app:millrace@127.0.0.1/app' }, 'DATABASE_URL has a password'],
  [{ AMQP_URL: 'amqp://guest:guest@127.0.0.1' }, 'AMQP_URL has a password'],
])('refuses %j', (changes, problem) => {
  expect(demanding(changes)).toThrow(problem);
});

it('never repeats a secret', () => {
  expect(demanding({ AUTH_KEYS: 'old:abcdefgh' })).not.toThrow(/abcdefgh/);
  expect(demanding({ AUTH_KEYS: 'old:abcdefgh' })).toThrow('"old"');
});

it('asks for nothing where doors are open', () => {
  expect(demanding({ AUTH_MODE: 'open', AUTH_KEYS: '' })).not.toThrow();
});
