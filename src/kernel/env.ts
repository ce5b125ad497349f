import { z } from 'zod';

/** What a process does. `scheduler` promotes due messages and runs the reapers; `simulators` serves fake providers. */
export const ROLES = ['api', 'worker', 'relay', 'scheduler', 'simulators'] as const;
export type Role = (typeof ROLES)[number];

const int = (fallback: number, min: number, max: number) =>
  z.coerce.number().int().min(min).max(max).default(fallback);

const optionalUrl = (...protocols: string[]) =>
  z
    .string()
    .refine((value) => protocols.includes(URL.parse(value)?.protocol ?? ''), {
      error: `must be a URL that starts with ${protocols.map((p) => `${p}//`).join(' or ')}`,
    })
    .optional();

const list = z.string().transform((value) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean),
);

const hosts = list.pipe(
  z.array(z.string().regex(/^[^\s/:@]+:\d+$|^\[[\da-f:]+\]:\d+$/, 'must be host:port')),
);

/** Signs tokens where nobody has set `AUTH_KEYS`; `AUTH_MODE=required` refuses it. */
export const DEVELOPMENT_KEY =
  'development:not-a-secret-and-refused-where-callers-must-authenticate';

/**
 * Every setting of the program, with its default. An empty variable counts as unset.
 * `.env.example` lists the same keys; `make verify` compares the two.
 */
export const envSchema = z.object({
  NODE_ENV: z.enum(['development', 'test', 'production']).default('development'),
  ROLES: list.pipe(z.array(z.enum(ROLES)).min(1)).default([...ROLES]),
  SCOPES: list.pipe(z.array(z.string()).min(1)).default(['all']),
  MODULES: list.pipe(z.array(z.string()).min(1)).default(['all']),
  HOST: z.string().default('127.0.0.1'),
  PORT: int(8000, 0, 65_535),
  AUTH_MODE: z.enum(['open', 'required']).default('required'),
  AUTH_KEYS: list
    .pipe(
      z
        .array(
          z
            .string()
            .regex(
              /^[\w-]{1,40}:[\x21-\x7e]+$/,
              'must be pairs of a name and a secret, newest first, such as 2025-11:<secret>',
            ),
        )
        .min(1),
    )
    .default([DEVELOPMENT_KEY]),
  AUTH_SESSION_DAYS: int(30, 1, 3_650),
  AUTH_ARGON2_MEMORY_KIB: int(19_456, 8, 4_194_304),
  AUTH_ARGON2_PASSES: int(2, 1, 100),
  AUTH_HASHES_AT_ONCE: int(2, 1, 64),
  IDENTITY_ADMIN_EMAIL: z.email().optional(),
  IDENTITY_ADMIN_PASSWORD: z.string().min(10).max(1_024).optional(),
  DATABASE_URL: optionalUrl('postgres:', 'postgresql:').pipe(
    z.string({
      error: 'is required, for example postgres://millrace:secret@127.0.0.1:5432/millrace',
    }),
  ),
  DATABASE_POOL_SIZE: int(32, 2, 200),
  AMQP_URL: optionalUrl('amqp:', 'amqps:'),
  REDIS_URL: optionalUrl('redis:', 'rediss:'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  OTEL_EXPORTER_OTLP_ENDPOINT: optionalUrl('http:', 'https:'),
  OTEL_SERVICE_NAME: z.string().default('millrace'),
  TRUSTED_PROXIES: list
    .pipe(z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()])))
    .default([]),
  CORS_ORIGINS: list
    .pipe(
      z.array(
        z.string().refine((value) => URL.parse(value)?.origin === value, {
          error: 'must be an origin, such as https://app.example.com',
        }),
      ),
    )
    .default([]),
  RATE_LIMIT_PER_SECOND: int(0, 0, 10_000_000),
  SHUTDOWN_GRACE_MS: int(20_000, 0, 600_000),
  RELAY_BATCH: int(1_000, 1, 5_000),
  MESSAGE_PREFETCH: int(256, 1, 10_000),
  MESSAGE_ATTEMPTS: int(6, 1, 6),
  DEAD_LETTERS_RETENTION_DAYS: int(30, 1, 3_650),
  TASKS_QUEUES: list
    .pipe(z.array(z.string().regex(/^[a-z0-9-]{1,40}$/)).min(1))
    .default(['default']),
  TASKS_EXTERNAL_KINDS: list.pipe(z.array(z.string())).default([]),
  TASKS_CONCURRENCY: int(512, 1, 10_000),
  TASKS_MAX_BACKLOG: int(1_000_000, 1, 1_000_000_000),
  TASKS_RETENTION_DAYS: int(30, 1, 3_650),
  TASKS_EVENTS: list
    .pipe(z.array(z.enum(['created', 'started', 'succeeded', 'failed', 'cancelled', 'retried'])))
    .default(['succeeded', 'failed', 'cancelled', 'retried']),
  PROVIDER_FREE_URL: optionalUrl('http:', 'https:').default('http://127.0.0.1:2197/v1/messages'),
  PROVIDER_FREE_MODEL: z
    .enum(['n_then_block', 'aligned', 'sliding', 'anchored'])
    .default('n_then_block'),
  PROVIDER_FREE_LIMIT: int(100, 1, 1_000_000_000),
  PROVIDER_FREE_PERIOD_MS: int(10_000, 1, 2_764_800_000),
  PROVIDER_PAID_URL: optionalUrl('http:', 'https:').default('http://127.0.0.1:2198/v1/messages'),
  PROVIDER_PAID_PRICE_MICROS: int(2_000, 0, 1_000_000_000),
  PROVIDER_PAID_BUDGET_MICROS: int(10_000_000, 0, Number.MAX_SAFE_INTEGER),
  PROVIDERS_TIMEOUT_MS: int(30_000, 1, 600_000),
  PROVIDERS_HONOUR_KEYS: z.stringbool().default(true),
  PROVIDERS_PRIVATE_HOSTS: hosts.default(['127.0.0.1:2197', '127.0.0.1:2198']),
  PROVIDERS_CONCURRENCY: int(1_024, 1, 10_000),
  PROVIDERS_RETENTION_DAYS: int(30, 1, 3_650),
  LINE_HEARTBEAT_MS: int(10_000, 100, 3_600_000),
  BETS_MIN_STAKE_MINOR: int(1, 1, 1_000_000_000_000),
  BETS_MAX_STAKE_MINOR: int(10_000_000, 1, 1_000_000_000_000),
  BETS_MAX_EVENT_LIABILITY_MINOR: int(1_000_000_000, 1, 1_000_000_000_000_000),
  BETS_MAX_DAILY_LOSS_MINOR: int(100_000_000, 1, 1_000_000_000_000_000),
  BETS_OPENING_BALANCE_MINOR: int(100_000_000, 0, 1_000_000_000_000_000),
  BETS_LINE_SILENCE_MS: int(20_000, 100, 3_600_000),
  WORKFLOWS_RETENTION_DAYS: int(30, 1, 3_650),
  MAIL_URL: z
    .string()
    .regex(
      /^smtps?:\/\/[^/]|^(?!.*:\/\/)/,
      'must be smtp://host:port, smtps://…, or a folder for files',
    )
    .optional(),
  MAIL_FROM: z
    .string()
    .regex(
      /^(?:[^<>\r\n]*<)?[^\s<>@]+@[^\s<>@]+>?$/,
      'must be an address, such as Millrace <millrace@example.com>',
    )
    .default('Millrace <millrace@localhost>'),
  WORKFLOWS_CACHED_DEFINITIONS: int(1_000, 1, 1_000_000),
  WORKFLOWS_PRIVATE_HOSTS: hosts.default([]),
  WORKFLOWS_EVENTS: list
    .pipe(
      z.array(
        z.enum([
          'instance-started',
          'instance-completed',
          'instance-cancelled',
          'instance-failed',
          'incident-raised',
          'user-task-created',
          'user-task-assigned',
          'user-task-completed',
          'user-task-cancelled',
        ]),
      ),
    )
    .default([
      'instance-completed',
      'instance-cancelled',
      'instance-failed',
      'incident-raised',
      'user-task-created',
      'user-task-assigned',
      'user-task-completed',
      'user-task-cancelled',
    ]),
  EMULATE_MIN_MS: int(5_000, 0, 3_600_000),
  EMULATE_MAX_MS: int(10_000, 0, 3_600_000),
  EMULATE_FAILURE_PROBABILITY: z.coerce.number().min(0).max(1).default(0.2),
  SIMULATOR_HOST: z.string().default('127.0.0.1'),
  SIMULATOR_FREE_PORT: int(2197, 0, 65_535),
  SIMULATOR_PAID_PORT: int(2198, 0, 65_535),
});

export type Env = z.output<typeof envSchema>;

/** Thrown at boot; its message is one line per wrong variable, each with what is expected. */
export class InvalidEnvironmentError extends Error {
  override readonly name = 'InvalidEnvironmentError';
  constructor(readonly problems: readonly string[]) {
    super(`The environment is not valid:\n${problems.map((line) => `  - ${line}`).join('\n')}`);
  }
}

/** Parses the environment and freezes it. Throws {@link InvalidEnvironmentError} naming every wrong variable. */
export function loadEnv(source: NodeJS.ProcessEnv = process.env): Readonly<Env> {
  const given = Object.fromEntries(Object.entries(source).filter(([, value]) => value !== ''));
  const parsed = envSchema.safeParse(given);
  if (parsed.success) return Object.freeze(parsed.data);
  throw new InvalidEnvironmentError(
    parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`),
  );
}

/** Injection token of the process's {@link Env}. */
export const ENV = Symbol('millrace:env');
