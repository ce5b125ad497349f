import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { projectFolder } from '../../scripts/services/folders.ts';
import { envSchema } from '../../src/kernel/env.js';

const serviceSchema = z.object({
  image: z.string(),
  build: z.string().optional(),
  command: z.array(z.string()).optional(),
  read_only: z.boolean().optional(),
  cap_drop: z.array(z.string()).optional(),
  container_name: z.string().optional(),
  environment: z.record(z.string(), z.string()).default({}),
  ports: z.array(z.string()).default([]),
  profiles: z.array(z.string()).default([]),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z
    .object({ test: z.array(z.string()).optional(), disable: z.boolean().optional() })
    .optional(),
});
const composeSchema = z.object({ services: z.record(z.string(), serviceSchema) });

const read = (file: string) => readFileSync(join(projectFolder, file), 'utf8');
const { services } = composeSchema.parse(parse(read('docker-compose.yml'), { merge: true }));
const dockerfile = read('Dockerfile');

const PROGRAMS = ['api', 'worker', 'relay', 'simulators'];
const CONTEXTS = ['line-provider', 'bet-maker'];
const OURS = [...PROGRAMS, ...CONTEXTS, 'migrate'];
const SERVERS = ['postgres', 'rabbitmq', 'redis'];

function service(name: string): z.output<typeof serviceSchema> {
  const found = services[name];
  if (!found) throw new Error(`there is no service ${name}`);
  return found;
}

describe('docker-compose.yml', () => {
  it('has the services of the stand, in the images that it is made for', () => {
    const images = Object.fromEntries(
      Object.entries(services).map(([name, { image }]) => [name, image]),
    );
    expect(images).toEqual({
      api: 'millrace:local',
      worker: 'millrace:local',
      relay: 'millrace:local',
      simulators: 'millrace:local',
      'line-provider': 'millrace:local',
      'bet-maker': 'millrace:local',
      migrate: 'millrace:local',
      postgres: 'postgres:18',
      rabbitmq: 'rabbitmq:4-management',
      redis: 'redis:8',
      mail: 'axllent/mailpit:latest',
    });
  });

  it.each([...PROGRAMS, ...CONTEXTS, ...SERVERS])('knows whether %s is healthy', (name) => {
    expect(service(name).healthcheck?.test?.length).toBeGreaterThan(1);
  });

  it.each([...PROGRAMS, ...CONTEXTS])(
    'starts %s after the migrations, on healthy servers',
    (name) => {
      expect(service(name).depends_on).toEqual({
        migrate: { condition: 'service_completed_successfully' },
        postgres: { condition: 'service_healthy' },
        rabbitmq: { condition: 'service_healthy' },
        redis: { condition: 'service_healthy' },
      });
    },
  );

  it('migrates once Postgres is healthy', () => {
    expect(service('migrate').depends_on).toEqual({ postgres: { condition: 'service_healthy' } });
    expect(service('migrate').command).toContain('dist/migrate.js');
  });

  it('gives every role to one of the programs', () => {
    const roles = PROGRAMS.flatMap((name) => service(name).environment['ROLES']?.split(',') ?? []);
    expect(roles.sort()).toEqual(['api', 'relay', 'scheduler', 'simulators', 'worker']);
  });

  it.each(CONTEXTS)('runs %s alone, only where the profile is asked for', (name) => {
    expect(service(name).profiles).toEqual(['betting']);
    expect(service(name).environment).toMatchObject({
      MODULES: name,
      ROLES: 'api,worker,relay,scheduler',
    });
  });

  it('starts nothing else by the profile, and nothing of it without', () => {
    const profiled = Object.entries(services).filter(([, { profiles }]) => profiles.length > 0);
    expect(profiled.map(([name]) => name).sort()).toEqual([...CONTEXTS].sort());
  });

  it('gives each betting context a port of its own on this machine', () => {
    const ports = CONTEXTS.flatMap((name) => service(name).ports.map(interpolated));
    expect(ports).toEqual(['127.0.0.1:8000:8000', '127.0.0.1:8001:8000']);
  });

  it.each(OURS)(
    'sets only variables of %s that the program knows, to values that it takes',
    (name) => {
      const values = Object.entries(service(name).environment).map(([key, value]) => [
        key,
        interpolated(value),
      ]);
      expect(Object.keys(envSchema.shape)).toEqual(
        expect.arrayContaining(values.map(([key]) => key)),
      );
      expect(envSchema.safeParse(Object.fromEntries(values)).error).toBeUndefined();
    },
  );

  it.each(Object.keys(services))('publishes the ports of %s on loopback only', (name) => {
    for (const port of service(name).ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it('can run a service many times: no fixed names, and no ports but those of the api', () => {
    for (const { container_name } of Object.values(services))
      expect(container_name).toBeUndefined();
    expect(service('worker').ports).toEqual([]);
    expect(service('relay').ports).toEqual([]);
  });

  it.each(OURS)('runs %s without a writable root and without capabilities', (name) => {
    expect(service(name)).toMatchObject({ read_only: true, cap_drop: ['ALL'], build: '.' });
  });

  it.each([...PROGRAMS, ...CONTEXTS])('has %s send its mail to the catcher', (name) => {
    expect(service(name).environment['MAIL_URL']).toBe('smtp://mail:1025');
  });

  it('keeps its passwords to servers that only this machine reaches', () => {
    const hosts = OURS.flatMap((name) => Object.values(service(name).environment))
      .filter((value) => URL.parse(value)?.password)
      .map((value) => new URL(value).hostname);
    expect(new Set(hosts)).toEqual(new Set(['postgres', 'rabbitmq']));
  });
});

describe('the image', () => {
  it('is built in stages from the one base, and needs no other frontend', () => {
    const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base);
    expect(bases).toEqual(['node:24-bookworm-slim', 'node:24-bookworm-slim']);
    expect(dockerfile).not.toMatch(/^# syntax=/m);
  });

  it('runs as an ordinary user and carries no secret', () => {
    const lastStage = dockerfile.slice(dockerfile.lastIndexOf('FROM '));
    expect(lastStage).toMatch(/^USER node$/m);
    expect(dockerfile).not.toMatch(/PASSWORD|SECRET|TOKEN|_URL=|AUTH_MODE/);
  });

  it('is built from the sources alone: no .env, no .stand, no .git can reach it', () => {
    const [first, ...others] = read('.dockerignore')
      .split('\n')
      .filter((line) => line && !line.startsWith('#'));
    expect(first).toBe('*');
    const allowed = others.filter((line) => line.startsWith('!'));
    expect(allowed.sort()).toEqual(
      [
        '!.swcrc',
        '!nest-cli.json',
        '!package-lock.json',
        '!package.json',
        '!src',
        '!tsconfig*.json',
      ].sort(),
    );
  });
});

describe('.env.example', () => {
  const settings = [...read('.env.example').matchAll(/^(?:# )?([A-Z][A-Z0-9_]+)=(.*)$/gm)].map(
    ([, key = '', value = '']) => [key, value] as const,
  );

  it('lists every setting once', () => {
    expect(settings.map(([key]) => key).sort()).toEqual(Object.keys(envSchema.shape).sort());
  });

  it('shows the default of each', () => {
    const shown = Object.fromEntries(settings.filter(([, value]) => value));
    const optional = {
      AMQP_URL: undefined,
      REDIS_URL: undefined,
      OTEL_EXPORTER_OTLP_ENDPOINT: undefined,
    };
    const database = { DATABASE_URL: shown['DATABASE_URL'] };
    expect({ ...envSchema.parse(shown), ...optional }).toEqual({
      ...envSchema.parse(database),
      ...optional,
    });
  });
});

/** `${NAME:-default}` as compose reads it when nothing is set. */
function interpolated(value: string): string {
  return value.replace(/\$\{\w+:-([^}]*)\}/g, '$1');
}
