import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { Test } from '@nestjs/testing';
import { DataSource } from 'typeorm';
import { startPostgres } from '../../../test/support/services.js';
import type { Service } from '../../../test/support/services.js';
import { ENV, loadEnv } from '../env.js';
import type { Env } from '../env.js';
import { createDataSource } from '../persistence/data-source.js';
import { Database } from '../persistence/database.js';
import { UnitOfWork } from '../persistence/unit-of-work.js';
import { HealthChecks } from './health-checks.js';
import { ObservabilityModule } from './observability.module.js';

@Module({})
class TestModule {
  static for(env: Env): DynamicModule {
    return {
      module: TestModule,
      global: true,
      imports: [ObservabilityModule],
      providers: [
        Database,
        UnitOfWork,
        { provide: ENV, useValue: env },
        {
          provide: DataSource,
          useFactory: () => createDataSource({ url: env.DATABASE_URL }).initialize(),
        },
      ],
      exports: [ENV],
    };
  }
}

let postgres: Service;
let app: NestFastifyApplication;

beforeAll(async () => {
  postgres = await startPostgres({ durable: false });
});
afterAll(() => postgres.dispose());

beforeEach(async () => {
  const env = loadEnv({ NODE_ENV: 'test', LOG_LEVEL: 'silent', DATABASE_URL: postgres.url });
  const testing = await Test.createTestingModule({ imports: [TestModule.for(env)] }).compile();
  app = testing.createNestApplication<NestFastifyApplication>(new FastifyAdapter(), {
    logger: false,
  });
  await app.listen(0, '127.0.0.1');
});
afterEach(async () => {
  await app.get(DataSource).destroy();
  await app.close();
});

const ask = async (url: string) => {
  const answer = await app.inject({ url });
  return { status: answer.statusCode, text: answer.body, headers: answer.headers };
};

/** Milliseconds until the probe answers with the status. */
async function until(url: string, status: number, deadlineMs = 20_000): Promise<number> {
  const start = performance.now();
  while ((await ask(url)).status !== status) {
    if (performance.now() - start > deadlineMs) throw new Error(`${url} never answered ${status}`);
    await new Promise(setImmediate);
  }
  return performance.now() - start;
}

describe('health', () => {
  it('names Postgres with its state and latency', async () => {
    for (const url of ['/health', '/health/ready']) {
      const { status, text } = await ask(url);
      expect(status).toBe(200);
      expect(JSON.parse(text)).toEqual({
        status: 'ok',
        checks: {
          postgres: { status: 'up', critical: true, latency_ms: expect.any(Number) as unknown },
        },
      });
    }
  });

  it('is not ready within 5 s of losing Postgres, stays alive, and recovers by itself', async () => {
    await postgres.kill();
    expect(await until('/health/ready', 503)).toBeLessThan(5_000);
    expect(JSON.parse((await ask('/health')).text)).toMatchObject({
      status: 'unavailable',
      checks: { postgres: { status: 'down', reason: expect.any(String) as unknown } },
    });
    expect(await ask('/health/live')).toMatchObject({ status: 200, text: '{"status":"ok"}' });
    await postgres.start();
    await until('/health/ready', 200);
  });

  it('is not ready but alive while the process drains', async () => {
    app.get(HealthChecks).drain();
    expect((await ask('/health/ready')).status).toBe(503);
    expect((await ask('/health/live')).status).toBe(200);
  });
});

describe('metrics', () => {
  it('are served as Prometheus reads them', async () => {
    await ask('/health/live');
    const { status, text, headers } = await ask('/metrics');
    expect(status).toBe(200);
    expect(headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(text).toContain(
      'http_request_duration_seconds_count{method="GET",route="/health/live",status_class="2xx"} 1',
    );
  });
});

describe('the documentation', () => {
  it('has the health report and the metrics', () => {
    const { paths } = SwaggerModule.createDocument(app, new DocumentBuilder().build());
    const ready = JSON.stringify(paths['/health/ready']?.get?.responses);
    expect(Object.keys(paths)).toEqual(['/health/live', '/health/ready', '/health', '/metrics']);
    expect(ready).toContain('degraded');
    expect(ready).toContain('latency_ms');
  });
});
