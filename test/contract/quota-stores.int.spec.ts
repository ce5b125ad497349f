import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';
import type { DataSource } from 'typeorm';
import { createDataSource } from '../../src/kernel/persistence/data-source.js';
import { Database } from '../../src/kernel/persistence/database.js';
import { UnitOfWork } from '../../src/kernel/persistence/unit-of-work.js';
import { type Budget, BudgetRepository } from '../../src/providers/quota/budget.repository.js';
import { Budgets } from '../../src/providers/quota/budgets.js';
import type { Quota } from '../../src/providers/quota/engine/quota.js';
import { QuotaRepository } from '../../src/providers/quota/quota.repository.js';
import { RedisQuotaStore } from '../../src/providers/quota/redis-quota-store.js';
import { type Lease, testDatabase } from '../support/services.js';
import { testRedis } from '../support/test-redis.js';
import { quotaStoreContract } from './quota-store.contract.js';

let database: Lease;
let redis: Lease;
let dataSource: DataSource;
let inPostgres: QuotaRepository;
let inRedis: RedisQuotaStore;

beforeAll(async () => {
  Logger.overrideLogger(false); // a lost book is told, as it should be
  [database, redis] = await Promise.all([testDatabase(), testRedis()]);
  dataSource = await createDataSource({ url: database.url, poolSize: 12 }).initialize();
  const unitOfWork = new UnitOfWork(dataSource);
  inPostgres = new QuotaRepository(new Database(dataSource, unitOfWork), unitOfWork);
  inRedis = new RedisQuotaStore(redis.url);
});
afterAll(async () => {
  inRedis.close();
  await dataSource.destroy();
  await Promise.all([database.release(), redis.release()]);
});

quotaStoreContract('Postgres', () => inPostgres);
quotaStoreContract('Redis', () => inRedis);

describe('the books in Redis', () => {
  const quota: Quota = { providerId: 'free', model: 'sliding', limit: 9, periodMs: 60_000 };
  let client: Redis;
  beforeAll(() => {
    client = new Redis(redis.url);
  });
  afterAll(() => client.quit());
  beforeEach(() => inRedis.restore(quota, { used: 0, lastAt: 0 }));

  it('are lost with a flush, not empty', async () => {
    expect(await inRedis.look([quota])).toMatchObject([{ phase: 'open' }]);
    await client.flushdb();
    expect(await inRedis.look([quota])).toMatchObject([{ phase: 'unknown' }]);
  });

  it('are lost with the run of the server: it may have forgotten the last of what it wrote', async () => {
    const key = 'millrace:quota:free';
    const book = JSON.parse((await client.get(key)) ?? '') as object;
    await client.set(key, JSON.stringify({ ...book, run: 'another' }));
    expect(await inRedis.look([quota])).toMatchObject([{ phase: 'unknown' }]);
    await inRedis.restore(quota, undefined);
    expect(await inRedis.look([quota])).toMatchObject([{ phase: 'blocked', remaining: 0 }]);
  });
});

describe('budgets', () => {
  let repository: BudgetRepository;
  let budgets: Budgets;
  const budgetOf = (more: Partial<Budget> = {}): Budget => ({
    providerId: randomUUID(),
    period: 'day',
    limitMicros: 1_000,
    ...more,
  });
  const reserved = async (budget: Budget, calls: number, micros: number) => {
    const all = Array.from({ length: calls }, () => budgets.reserve(budget, micros));
    return (await Promise.all(all)).flatMap((one) => (one ? [one] : []));
  };

  beforeAll(() => {
    repository = new BudgetRepository(new Database(dataSource, new UnitOfWork(dataSource)));
    budgets = new Budgets(repository);
  });

  it('are never overspent, by however many at once', async () => {
    const budget = budgetOf();
    const storms = Array.from({ length: 8 }, () => {
      const own = new Budgets(repository);
      return Promise.all(Array.from({ length: 200 }, () => own.reserve(budget, 7)));
    });
    const granted = (await Promise.all(storms)).flat().filter((one) => one !== null);
    expect(granted).toHaveLength(Math.floor(1_000 / 7));
  });

  it('get back what was never sent', async () => {
    const budget = budgetOf();
    const all = await reserved(budget, 10, 100);
    expect(all).toHaveLength(10);
    await Promise.all(all.slice(0, 4).map((one) => budgets.refund(one)));
    expect(await reserved(budget, 10, 100)).toHaveLength(4);
  });

  it('of a day, a month and all time are apart, and one may be without end', async () => {
    const { providerId } = budgetOf();
    for (const period of ['day', 'month', 'total'] as const) {
      const budget = budgetOf({ providerId, period });
      expect(await reserved(budget, 3, 400)).toHaveLength(2);
    }
    expect(await reserved(budgetOf({ limitMicros: null }), 3, 400_000_000_000)).toHaveLength(3);
  });

  it('follow a limit that is changed', async () => {
    const budget = budgetOf();
    await reserved(budget, 2, 500);
    expect(await reserved({ ...budget, limitMicros: 1_500 }, 2, 500)).toHaveLength(1);
    expect(await reserved({ ...budget, limitMicros: 100 }, 1, 1)).toHaveLength(0);
  });
});
