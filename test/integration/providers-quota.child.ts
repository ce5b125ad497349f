import { randomUUID } from 'node:crypto';
import { type Dispatcher, Pool } from 'undici';
import { createDataSource } from '../../src/kernel/persistence/data-source.js';
import { Database } from '../../src/kernel/persistence/database.js';
import { UnitOfWork } from '../../src/kernel/persistence/unit-of-work.js';
import type { Quota } from '../../src/providers/quota/engine/quota.js';
import type { Permit } from '../../src/providers/quota/permit.js';
import { QuotaGate } from '../../src/providers/quota/quota-gate.js';
import { QuotaRepository } from '../../src/providers/quota/quota.repository.js';
import type { QuotaStore } from '../../src/providers/quota/quota-store.js';
import { RedisQuotaStore } from '../../src/providers/quota/redis-quota-store.js';

/**
 * A process of its own that sends messages to a provider through a gate, as evenly as it can, until it is told to stop or
 * killed. It says `ready`, waits for `go`, and answers `stop` with its figures.
 */
export interface SenderSettings {
  readonly store: 'redis' | 'postgres';
  readonly storeUrl: string;
  readonly providerUrl: string;
  readonly quota: Quota;
  readonly perSecond: number;
  /** Every so many messages one waits for the reset; the others go elsewhere when nothing is free. */
  readonly waitsEvery: number;
}

export interface SenderFigures {
  readonly free: number;
  readonly denied: number;
  readonly ambiguous: number;
  readonly refused: number;
  readonly exchanges: number;
  /** Of calls that did not wait, in milliseconds. */
  readonly decisionP50: number;
  readonly decisionP99: number;
}

const TICK_MS = 4;
const TIMEOUT_MS = 2_000;

const settings = JSON.parse(process.argv[2] ?? '') as SenderSettings;
const { quota, perSecond, providerUrl, waitsEvery } = settings;
const counts = { free: 0, denied: 0, ambiguous: 0, refused: 0, exchanges: 0 };
const decisions: number[] = [];

const { store, close } = await openStore();
const gate = new QuotaGate({ quota, store: counting(store), holder: randomUUID() });
const provider = new Pool(providerUrl, { connections: 32, pipelining: 1 });

async function openStore(): Promise<{ store: QuotaStore; close: () => Promise<void> }> {
  if (settings.store === 'redis') {
    const redis = new RedisQuotaStore(settings.storeUrl);
    return {
      store: redis,
      close: async () => {
        redis.close();
      },
    };
  }
  const dataSource = createDataSource({ url: settings.storeUrl, poolSize: 2 });
  await dataSource.initialize();
  const unitOfWork = new UnitOfWork(dataSource);
  const repository = new QuotaRepository(new Database(dataSource, unitOfWork), unitOfWork);
  return { store: repository, close: () => dataSource.destroy() };
}

function counting(inner: QuotaStore): QuotaStore {
  const exchange = inner.exchange.bind(inner);
  inner.exchange = (one) => {
    counts.exchanges += 1;
    return exchange(one);
  };
  return inner;
}

async function send(n: number): Promise<void> {
  const maxWaitMs = n % waitsEvery === 0 ? 2 * quota.periodMs : 0;
  const since = performance.now();
  const permit = await gate.acquire({ maxWaitMs });
  if (maxWaitMs === 0) decisions.push(performance.now() - since);
  if (!permit.granted) {
    counts.denied += 1;
    return;
  }
  const again = await new Promise<boolean>((resolve) => {
    provider.dispatch(
      {
        path: '/v1/messages',
        method: 'POST',
        body: '{"text":"hello"}',
        headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID() },
        headersTimeout: TIMEOUT_MS,
      },
      callUnder(permit, resolve),
    );
  });
  if (again) await send(1);
}

/** Resolves to whether the message has to be tried again, as the permit had run out. */
function callUnder(permit: Permit, done: (again: boolean) => void): Dispatcher.DispatchHandler {
  let state: 'waiting' | 'written' | 'answered' = 'waiting';
  return {
    onRequestStart: () => {
      if (!permit.beforeWrite()) throw new Error('The permit has run out');
      state = 'written';
    },
    onResponseStart: (_controller, status, headers) => {
      state = 'answered';
      if (status === 429) {
        counts.refused += 1;
        permit.refused(headers);
      } else {
        counts.free += 1;
        permit.accepted(headers);
      }
    },
    onResponseData: () => undefined,
    onResponseEnd: () => {
      done(false);
    },
    onResponseError: () => {
      if (state === 'waiting') permit.unsent();
      if (state === 'written') {
        counts.ambiguous += 1;
        permit.ambiguous();
      }
      done(state === 'waiting');
    },
  };
}

function percentile(sorted: readonly number[], share: number): number {
  return Math.round((sorted[Math.floor(sorted.length * share)] ?? 0) * 100) / 100;
}

let ticking: NodeJS.Timeout | undefined;
const underWay = new Set<Promise<void>>();

function start(): void {
  const since = performance.now();
  let sent = 0;
  ticking = setInterval(() => {
    // A process that was frozen does not make up for it: its callers went elsewhere.
    const due = Math.floor(((performance.now() - since) / 1_000) * perSecond) - sent;
    sent += due;
    for (let n = 0; n < Math.min(due, perSecond); n += 1) {
      const sending = send(sent + n).finally(() => underWay.delete(sending));
      underWay.add(sending);
    }
  }, TICK_MS);
}

async function stop(): Promise<void> {
  clearInterval(ticking);
  await Promise.race([
    Promise.all(underWay),
    new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS)),
  ]);
  await gate.close();
  const sorted = decisions.sort((a, b) => a - b);
  const figures: SenderFigures = {
    ...counts,
    decisionP50: percentile(sorted, 0.5),
    decisionP99: percentile(sorted, 0.99),
  };
  process.send?.(figures);
  await provider.destroy();
  await close();
  process.disconnect();
}

process.on('message', (said) => {
  if (said === 'go') start();
  if (said === 'stop') void stop();
});
process.send?.('ready');
