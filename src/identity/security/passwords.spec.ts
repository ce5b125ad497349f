import { InvalidEnvironmentError, loadEnv } from '../../kernel/env.js';
import { Metrics } from '../../kernel/observability/metrics.js';
import { TooManyLogins } from '../domain/identity.errors.js';
import { IdentityMetrics } from '../identity.metrics.js';
import { Passwords } from './passwords.js';

function passwordsWith(settings: Record<string, string> = {}): Passwords {
  const env = loadEnv({
    NODE_ENV: 'test',
    DATABASE_URL: 'postgres://nobody@127.0.0.1/nothing',
    AUTH_ARGON2_MEMORY_KIB: '8',
    AUTH_ARGON2_PASSES: '1',
    ...settings,
  });
  return new Passwords(env, new IdentityMetrics(new Metrics()));
}

const DEFAULTS = { AUTH_ARGON2_MEMORY_KIB: '', AUTH_ARGON2_PASSES: '' };

it('hashes by argon2id with at least 19 MiB and two passes (check 9)', async () => {
  const hash = await passwordsWith({ ...DEFAULTS, NODE_ENV: 'production' }).hash('a password');
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
});

it('does not start with less than that outside of tests', () => {
  const weak = { NODE_ENV: 'production', AUTH_ARGON2_MEMORY_KIB: '19455', AUTH_ARGON2_PASSES: '' };
  expect(() => passwordsWith(weak)).toThrow(InvalidEnvironmentError);
  const quick = { NODE_ENV: 'development', AUTH_ARGON2_MEMORY_KIB: '', AUTH_ARGON2_PASSES: '1' };
  expect(() => passwordsWith(quick)).toThrow(InvalidEnvironmentError);
});

it('tells passwords apart that differ only after byte 72 (check 9)', async () => {
  const passwords = passwordsWith();
  const long = 'x'.repeat(72);
  const hash = await passwords.hash(`${long}a`);
  await expect(passwords.matches(`${long}a`, hash)).resolves.toBe(true);
  await expect(passwords.matches(`${long}b`, hash)).resolves.toBe(false);
});

it('knows a hash that was made with less than is asked for today (check 9)', async () => {
  const hash = await passwordsWith().hash('a password');
  expect(passwordsWith().isWeak(hash)).toBe(false);
  expect(passwordsWith({ AUTH_ARGON2_PASSES: '2' }).isWeak(hash)).toBe(true);
  expect(passwordsWith({ AUTH_ARGON2_MEMORY_KIB: '16' }).isWeak(hash)).toBe(true);
});

it('finds no password right for a user who is not there', async () => {
  const passwords = passwordsWith();
  await expect(passwords.matches('a password that nobody has', undefined)).resolves.toBe(false);
});

it('sends away what would have to wait for too long, and goes on afterwards', async () => {
  const passwords = passwordsWith({ AUTH_HASHES_AT_ONCE: '1' });
  const hash = await passwords.hash('a password');
  const storm = Array.from({ length: 120 }, () => passwords.matches('a password', hash));
  const ends = await Promise.allSettled(storm);
  const refused = ends.filter((end) => end.status === 'rejected');
  expect(refused).toHaveLength(19);
  expect(refused.every(({ reason }) => reason instanceof TooManyLogins)).toBe(true);
  await expect(passwords.matches('a password', hash)).resolves.toBe(true);
});
