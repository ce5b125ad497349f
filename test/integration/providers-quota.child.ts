import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
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
 * killed. It says `ready`, begins with the settings that it is sent, and answers `stop` with its figures; then again.
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
const TIMEOUT_MS = 1_000;

interface Counts {
  free: number;
  ambiguous: number;
  refused: number;
}

interface Sending {
  stop(): Promise<SenderFigures>;
}

async function startSending(settings: SenderSettings): Promise<Sending> {
  const { quota, perSecond, providerUrl, waitsEvery } = settings;
  const counts = { free: 0, denied: 0, ambiguous: 0, refused: 0, exchanges: 0 };
  const decisions: number[] = [];
  const { store, close } = await openStore(settings);
  const counted = counting(store, counts);
  const gate = new QuotaGate({ quota, store: counted, holder: randomUUID() });
  const provider = new Pool(providerUrl, { connections: 32, pipelining: 1 });

  const send = async (n: number): Promise<void> => {
    const maxWaitMs = n % waitsEvery === 0 ? 2 * quota.periodMs : 0;
    const since = performance.now();
    const permit = await gate.acquire({ maxWaitMs });
    if (maxWaitMs === 0) decisions.push(performance.now() - since);
    if (!permit.granted) counts.denied += 1;
    else if (await callProvider(provider, permit, counts)) await send(n);
  };
  const stopTicking = tick(perSecond, send);
  return {
    stop: async () => {
      await stopTicking();
      await gate.close();
      await provider.destroy();
      await close();
      const sorted = decisions.sort((a, b) => a - b);
      return {
        ...counts,
        decisionP50: percentile(sorted, 0.5),
        decisionP99: percentile(sorted, 0.99),
      };
    },
  };
}

/** Answers how to stop, and to wait for what is under way. */
function tick(perSecond: number, send: (n: number) => Promise<void>): () => Promise<void> {
  const underWay = new Set<Promise<void>>();
  const since = performance.now();
  let sent = 0;
  const ticking = setInterval(() => {
    const due = Math.floor(((performance.now() - since) / 1_000) * perSecond) - sent;
    // A process that was frozen does not make up for it: its callers went elsewhere.
    for (let n = 0; n < Math.min(due, perSecond); n += 1) {
      const sending = send(sent + n).finally(() => underWay.delete(sending));
      underWay.add(sending);
    }
    sent += due;
  }, TICK_MS);
  return async () => {
    clearInterval(ticking);
    const patience = new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS));
    await Promise.race([Promise.all(underWay), patience]);
  };
}

async function openStore(
  settings: SenderSettings,
): Promise<{ store: QuotaStore; close: () => Promise<void> }> {
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

function counting(inner: QuotaStore, counts: { exchanges: number }): QuotaStore {
  const exchange = inner.exchange.bind(inner);
  inner.exchange = (one) => {
    counts.exchanges += 1;
    return exchange(one);
  };
  return inner;
}

/** Resolves to whether the message has to be tried again, as the permit had run out. */
function callProvider(provider: Pool, permit: Permit, counts: Counts): Promise<boolean> {
  return new Promise((resolve) => {
    provider.dispatch(
      {
        path: '/v1/messages',
        method: 'POST',
        body: '{"text":"hello"}',
        headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID() },
        headersTimeout: TIMEOUT_MS,
      },
      callUnder(permit, counts, resolve),
    );
  });
}

function callUnder(
  permit: Permit,
  counts: Counts,
  done: (again: boolean) => void,
): Dispatcher.DispatchHandler {
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

Logger.overrideLogger(false);
let sending: Promise<Sending> | undefined;
process.on('message', (said: SenderSettings | 'stop') => {
  if (said !== 'stop') sending = startSending(said);
  else void sending?.then((one) => one.stop()).then((figures) => process.send?.(figures));
});
process.send?.('ready');
