import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { Redis } from 'ioredis';
import { createDataSource } from '../../src/kernel/persistence/data-source.js';
import { Database } from '../../src/kernel/persistence/database.js';
import { UnitOfWork } from '../../src/kernel/persistence/unit-of-work.js';
import type { Quota, QuotaModel } from '../../src/providers/quota/engine/quota.js';
import type { QuotaStore } from '../../src/providers/quota/quota-store.js';
import { QuotaRepository } from '../../src/providers/quota/quota.repository.js';
import { RedisQuotaStore } from '../../src/providers/quota/redis-quota-store.js';
import type {
  EpochStatistics,
  SimulatorSettings,
  SimulatorStatistics,
} from '../../src/simulators/simulator.dto.js';
import { Chance } from '../faults/chance.js';
import { type Lease, testDatabase } from '../support/services.js';
import { testRedis } from '../support/test-redis.js';
import { until } from '../support/until.js';
import { QuotaStand } from './quota-stand.js';

/**
 * Real processes against a provider that really counts. Every day: short windows and few processes; with
 * `QUOTA_RUNS=complete`: 16 processes, windows of 10 s, every load (about 40 minutes).
 */
const IS_COMPLETE = process.env['QUOTA_RUNS'] === 'complete';
const SENDERS = IS_COMPLETE ? 16 : 4;
const PERIOD_MS = IS_COMPLETE ? 10_000 : 1_000;
const PERIODS = IS_COMPLETE ? 6 : 3;
const LIMIT = IS_COMPLETE ? 1_000 : 100;
const LOADS = IS_COMPLETE ? [0.8, 1, 2, 5] : [2];
/**
 * Of what could be had in the windows. A call counts for its guard, its way back and its group too long, which is 1 % of
 * 10 s; and a busy machine starts the senders late.
 */
const KEPT = IS_COMPLETE ? 0.99 : 0.6;
const STORES = ['redis', 'postgres'] as const;
const MODELS: QuotaModel[] = ['n_then_block', 'aligned', 'sliding', 'anchored'];
const CALM = { lost_rate: 0, timeout_rate: 0, clock_offset_ms: 0 };
const chance = new Chance();

interface Run {
  readonly store: (typeof STORES)[number];
  readonly quota: Quota;
  readonly load: number;
  /** Of a provider that blocks, to be seen at least. Default 3. */
  readonly epochs?: number;
  readonly provider?: Partial<SimulatorSettings>;
  /** At random moments of the run. */
  readonly faults?: readonly (() => unknown)[];
}

interface Wanted {
  readonly model: QuotaModel;
  readonly load: number;
  readonly periods: number;
  readonly denied: number;
}

describe('processes that share a quota', () => {
  let database: Lease;
  let redis: Lease;
  let dataSource: DataSource;
  let stand: QuotaStand;
  const stores = {} as Record<(typeof STORES)[number], QuotaStore>;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    [database, redis] = await Promise.all([testDatabase(), testRedis()]);
    dataSource = await createDataSource({ url: database.url, poolSize: 2 }).initialize();
    const unitOfWork = new UnitOfWork(dataSource);
    stores.postgres = new QuotaRepository(new Database(dataSource, unitOfWork), unitOfWork);
    stores.redis = new RedisQuotaStore(redis.url);
    stand = new QuotaStand(SENDERS);
  });
  afterEach(async () => {
    await stores.redis.forget(['free']);
    await stores.postgres.forget(['free']);
  });
  afterAll(async () => {
    await stand.dispose();
    (stores.redis as RedisQuotaStore).close();
    await dataSource.destroy();
    await Promise.all([database.release(), redis.release()]);
  });

  const quotaOf = (model: QuotaModel): Quota => ({
    providerId: 'free',
    model,
    limit: LIMIT,
    periodMs: PERIOD_MS,
  });

  const run = async ({ store, quota, load, provider, faults = [], epochs = 3 }: Run) => {
    const { model, periodMs } = quota;
    await stand.begin({ ...CALM, model, period_ms: periodMs, limit: LIMIT, ...provider });
    await stores[store].restore(quota, { used: 0, lastAt: 0 });
    const storeUrl = store === 'redis' ? redis.url : database.url;
    const perSecond = (load * LIMIT * 1_000) / PERIOD_MS / SENDERS;
    await stand.send({ store, storeUrl, quota, perSecond, waitsEvery: 5 });
    const since = performance.now();
    const durationMs = PERIODS * PERIOD_MS;
    const moments = faults
      .map(() => chance.between(200, durationMs - PERIOD_MS))
      .sort((a, b) => a - b);
    for (const [n, fault] of faults.entries()) {
      await reached(since + (moments[n] ?? 0));
      await fault();
    }
    await reached(since + durationMs);
    const truth = await until(async () => {
      const statistics = await stand.statistics();
      const isOver = model !== 'n_then_block' || statistics.epochs.length >= epochs;
      return isOver ? statistics : undefined;
    });
    const periods = (performance.now() - since) / PERIOD_MS;
    const figures = await stand.stop();
    const told = { store, model: quota.model, load, ...summaryOf(truth), ...figures };
    process.stderr.write(`quota: ${JSON.stringify(told)}\n`);
    return { truth, figures, periods };
  };

  const kill = () => {
    stand.kill();
  };

  describe.each(STORES)('by %s', (store) => {
    describe.each(MODELS)('of a provider that is %s', (model) => {
      it.each(LOADS)(
        'are never refused and lose next to nothing at %d times its quota, though two are killed',
        async (load) => {
          const quota = quotaOf(model);
          const provider = { clock_offset_ms: 3_333 };
          const faults = [kill, kill];
          const { truth, periods, figures } = await run({ store, quota, load, provider, faults });
          expect(truth.refused).toBe(0);
          if (IS_COMPLETE) expectPromptCalls(truth);
          if (model === 'n_then_block') expectWholeEpochs(truth);
          else expectFullWindows(truth, { model, load, periods, denied: figures.denied });
        },
        PERIODS * PERIOD_MS + 30_000,
      );
    });

    it('are not refused after one was frozen while it held tokens', async () => {
      const freeze = async () => {
        const thaw = stand.freeze();
        await reached(performance.now() + (IS_COMPLETE ? 30_000 : 1_500));
        thaw();
      };
      const quota = quotaOf('n_then_block');
      const { truth } = await run({ store, quota, load: 2, faults: [freeze] });
      expect(truth.refused).toBe(0);
      expectWholeEpochs(truth);
    }, 120_000);

    it('are not refused by a provider that loses calls before it counts them', async () => {
      const quota = quotaOf('n_then_block');
      const provider = { lost_rate: 0.02, timeout_rate: 0.01 };
      const { truth } = await run({ store, quota, load: 2, provider, epochs: 2 });
      expect(truth.lost).toBeGreaterThan(0);
      expect(truth.refused).toBe(0);
    }, 120_000);
  });

  it('are not refused when Redis is flushed in mid-epoch', async () => {
    const flush = async () => {
      const client = new Redis(redis.url);
      await client.flushdb();
      await client.quit();
    };
    const quota = quotaOf('n_then_block');
    const { truth } = await run({ store: 'redis', quota, load: 2, faults: [flush] });
    expect(truth.refused).toBe(0);
    expectWholeEpochs(truth);
  }, 120_000);
});

function reached(moment: number): Promise<unknown> {
  const withinMs = Math.max(0, moment - performance.now()) + 5_000;
  return until(() => performance.now() >= moment, { withinMs });
}

/** From each true reset to the first call after it: a speed, so it is judged only where the machine has nothing else to do. */
function expectPromptCalls({ epochs }: SimulatorStatistics): void {
  expect(Math.max(0, ...delaysOf(epochs))).toBeLessThanOrEqual(300);
}

function delaysOf(epochs: readonly EpochStatistics[]): number[] {
  return epochs.flatMap(({ first_call_after_ms: delay }) => (delay === null ? [] : [delay]));
}

/** A block can only begin when all was taken, so what is not taken in an epoch is late, but not lost. */
function expectWholeEpochs({ epochs }: SimulatorStatistics): void {
  expect(epochs.length).toBeGreaterThan(2);
  for (const { accepted } of epochs.slice(0, -1)) expect(accepted).toBe(LIMIT);
}

/** Below the quota nobody is denied, and above it the windows are full. (The killed ones take their messages along.) */
function expectFullWindows({ accepted, epochs }: SimulatorStatistics, wanted: Wanted): void {
  if (wanted.load <= 1) {
    const { denied } = wanted;
    expect(accepted / (accepted + denied)).toBeGreaterThanOrEqual(KEPT);
    return;
  }
  const aligned = epochs.slice(1, -1); // the first and the last window were not whole
  const isAligned = wanted.model === 'aligned';
  const taken = isAligned ? aligned.reduce((sum, one) => sum + one.accepted, 0) : accepted;
  const periods = isAligned ? aligned.length : wanted.periods;
  expect(periods).toBeGreaterThan(0);
  expect(taken / (LIMIT * periods)).toBeGreaterThanOrEqual(KEPT);
}

function summaryOf(truth: SimulatorStatistics): object {
  const { accepted, refused, timeouts, lost, epochs } = truth;
  return {
    accepted,
    refused,
    timeouts,
    lost,
    epochs: epochs.map((one) => one.accepted),
    delays: delaysOf(epochs),
  };
}
