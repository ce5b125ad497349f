import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { standFolder } from './folders.ts';
import { startPostgres } from './postgres.ts';
import { startRabbitMq } from './rabbitmq.ts';
import { startRedis } from './redis.ts';
import type { Service } from './service.ts';

/** Where the tests find the services, by environment variable. */
export interface TestUrls {
  TEST_DATABASE_URL: string;
  TEST_AMQP_URL: string;
  TEST_AMQP_MANAGEMENT_URL: string;
  TEST_REDIS_URL: string;
}

/** Written by `make services` for as long as it runs, and read by everybody else. */
export const sharedServicesFile = join(standFolder, 'test-services.json');

export interface TestServices {
  urls: TestUrls;
  readonly stop: () => Promise<void>;
}

/**
 * Real Postgres, RabbitMQ and Redis: those given by TEST_* variables, else those that `make services` runs, else private
 * ones (containers where a Docker engine runs, processes of installed binaries where not), stopped by `stop`.
 * Throws one sentence that says what to install when nothing else helps.
 */
export async function obtainTestServices(): Promise<TestServices> {
  const given = { ...sharedServices(), ...givenUrls() };
  const started: Service[] = [];
  const own = async <S extends Service>(service: Promise<S>): Promise<S> => {
    const running = await service;
    started.push(running);
    return running;
  };
  const stop = async () => {
    await Promise.all(started.splice(0).map((service) => service.dispose()));
  };
  const results = await Promise.allSettled([
    given.TEST_DATABASE_URL ??
      own(startPostgres({ durable: false })).then((service) => service.url),
    given.TEST_AMQP_URL ? brokerUrls(given) : own(startRabbitMq()).then(toBrokerUrls),
    given.TEST_REDIS_URL ?? own(startRedis()).then((service) => service.url),
  ]);
  const [database, broker, redis] = results;
  if (
    database.status === 'fulfilled' &&
    broker.status === 'fulfilled' &&
    redis.status === 'fulfilled'
  ) {
    const urls = {
      TEST_DATABASE_URL: database.value,
      ...broker.value,
      TEST_REDIS_URL: redis.value,
    };
    return { urls, stop };
  }
  await stop();
  throw results.find((result) => result.status === 'rejected')?.reason;
}

/** What `make services` runs at this moment, if it does. */
export function sharedServices(): Partial<TestUrls> {
  if (!existsSync(sharedServicesFile)) return {};
  const { pid, urls } = JSON.parse(readFileSync(sharedServicesFile, 'utf8')) as {
    pid: number;
    urls: TestUrls;
  };
  try {
    process.kill(pid, 0);
    return urls;
  } catch {
    return {}; // it died without taking its file away
  }
}

function givenUrls(): Partial<TestUrls> {
  const names = [
    'TEST_DATABASE_URL',
    'TEST_AMQP_URL',
    'TEST_AMQP_MANAGEMENT_URL',
    'TEST_REDIS_URL',
  ] as const;
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
  );
}

type BrokerUrls = Pick<TestUrls, 'TEST_AMQP_URL' | 'TEST_AMQP_MANAGEMENT_URL'>;

/** The management API of a given broker is looked for at its usual port. */
function brokerUrls({
  TEST_AMQP_URL = '',
  TEST_AMQP_MANAGEMENT_URL,
}: Partial<BrokerUrls>): BrokerUrls {
  const usual = new URL(TEST_AMQP_URL.replace(/^amqp/, 'http'));
  usual.port = '15672';
  usual.pathname = '/';
  return {
    TEST_AMQP_URL,
    TEST_AMQP_MANAGEMENT_URL: TEST_AMQP_MANAGEMENT_URL ?? usual.href.replace(/\/$/, ''),
  };
}

function toBrokerUrls(broker: { url: string; managementUrl: string }): BrokerUrls {
  return { TEST_AMQP_URL: broker.url, TEST_AMQP_MANAGEMENT_URL: broker.managementUrl };
}
