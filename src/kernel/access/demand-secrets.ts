import { DEVELOPMENT_KEY, type Env, InvalidEnvironmentError } from '../env.js';

/** Bytes of a key for HMAC with SHA-256: a shorter one is weaker than the digest. */
const MIN_KEY_BYTES = 32;
/** Passwords that come with the stands, with Postgres and with RabbitMQ. */
const KNOWN_PASSWORDS = ['millrace', 'postgres', 'guest', 'password', 'secret', 'changeme'];

/**
 * Better no service than one that its operator believes to be closed: where callers must authenticate, throws
 * `InvalidEnvironmentError` with every secret that is missing, known or short; in production passwords of servers count.
 */
export function demandSecrets(env: Env): void {
  if (env.AUTH_MODE === 'open') return;
  const problems = [...keyProblems(env), ...passwordProblems(env)];
  if (problems.length > 0) throw new InvalidEnvironmentError(problems);
}

function keyProblems({ AUTH_KEYS: keys }: Env): string[] {
  if (keys.includes(DEVELOPMENT_KEY)) {
    const how = 'for example 2025-11:$(openssl rand -base64 33)';
    return [`AUTH_KEYS is required with AUTH_MODE=required: a name and a secret, ${how}`];
  }
  const names = keys.map((key) => key.slice(0, key.indexOf(':')));
  const short = keys.filter(
    (key) => Buffer.byteLength(key.slice(key.indexOf(':') + 1)) < MIN_KEY_BYTES,
  );
  return [
    ...short.map(
      (key) =>
        `AUTH_KEYS has a secret of less than ${MIN_KEY_BYTES} bytes: "${key.split(':', 1)[0] ?? ''}"`,
    ),
    ...(new Set(names).size < names.length ? ['AUTH_KEYS has two keys of one name'] : []),
  ];
}

function passwordProblems(env: Env): string[] {
  if (env.NODE_ENV !== 'production') return [];
  return (['DATABASE_URL', 'AMQP_URL'] as const).flatMap((name) => {
    const url = env[name] === undefined ? null : URL.parse(env[name]);
    const isKnown = url && KNOWN_PASSWORDS.includes(decodeURIComponent(url.password));
    return isKnown ? [`${name} has a password that everybody knows; give it another`] : [];
  });
}
