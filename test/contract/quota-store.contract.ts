import { randomUUID } from 'node:crypto';
import type { Exchange, Quota, QuotaModel } from '../../src/providers/quota/engine/quota.js';
import type { QuotaStore } from '../../src/providers/quota/quota-store.js';
import { QuotaGate } from '../../src/providers/quota/quota-gate.js';
import type { Permit } from '../../src/providers/quota/permit.js';
import { until } from '../support/until.js';

const LIMIT = 40;
const PERIOD_MS = 400;
const FRESH = { used: 0, lastAt: 0 };
const NOTHING = { accepted: 0, ambiguous: 0, unsent: 0, refused: 0, since: 0, agoMs: 0 };
const SILENCE = { told: null, refusal: null, clock: null, wanted: 0 };

/** What every quota store promises: run on a real server, on its own clock. */
export function quotaStoreContract(name: string, store: () => QuotaStore): void {
  describe(`${name} as a quota store`, () => {
    let quota: Quota;
    const quotaOf = (model: QuotaModel, more: Partial<Quota> = {}): Quota => ({
      providerId: randomUUID(),
      model,
      limit: LIMIT,
      periodMs: PERIOD_MS,
      ...more,
    });
    const open = async (model: QuotaModel, more: Partial<Quota> = {}) => {
      quota = quotaOf(model, more);
      await store().restore(quota, FRESH);
    };
    /** One that takes part in the exchanges by hand. */
    const holder = () => {
      let [seq, out] = [0, 0];
      const id = randomUUID();
      return async (more: Partial<Exchange> = {}) => {
        seq = more.seq ?? seq + 1;
        const base = { quota, holder: id, seq, holds: out, ...NOTHING, ...SILENCE };
        const exchange: Exchange = { ...base, ...more };
        const { accepted, ambiguous, unsent, refused } = exchange;
        const answer = await store().exchange(exchange);
        out += answer.granted - accepted - ambiguous - unsent - refused;
        return answer;
      };
    };
    const look = async () => (await store().look([quota]))[0]!;
    /** All that the holder can get. */
    const drain = async (exchange: ReturnType<typeof holder>) => {
      let total = 0;
      for (;;) {
        const { granted } = await exchange({ wanted: LIMIT });
        if (granted === 0) return total;
        total += granted;
      }
    };

    it('gives no more tokens than the quota has, to any number that ask at once', async () => {
      await open('n_then_block');
      const totals = await Promise.all(Array.from({ length: 12 }, () => drain(holder())));
      expect(totals.reduce((sum, total) => sum + total, 0)).toBe(LIMIT);
      expect(await look()).toMatchObject({
        phase: 'draining',
        remaining: 0,
        out: LIMIT,
        holders: 12,
      });
    });

    it('gives one holder no more than its share at once', async () => {
      await open('sliding');
      const [one, other] = [holder(), holder()];
      expect((await one({ wanted: LIMIT })).granted).toBe(LIMIT / 2);
      expect((await other({ wanted: LIMIT })).granted).toBe(LIMIT / 2 / 4);
    });

    it('has no second effect for an exchange that is repeated', async () => {
      await open('n_then_block');
      const one = holder();
      const { granted } = await one({ wanted: 4, seq: 1 });
      const again = { ...NOTHING, ...SILENCE, quota, holder: 'x', seq: 1, holds: 0, wanted: 4 };
      await Promise.all([
        store().exchange(again),
        store().exchange(again),
        store().exchange(again),
      ]);
      expect(await look()).toMatchObject({ out: granted + 4 });
    });

    it.each<QuotaModel>(['n_then_block', 'sliding', 'anchored', 'aligned'])(
      'gives the whole quota again after a period of %s',
      async (model) => {
        await open(model);
        const one = holder();
        await drain(one);
        const { now: answeredAt } = await one({ accepted: LIMIT, since: Date.now() - 20 });
        const refused = await one({ wanted: 1 });
        expect(refused.granted).toBe(0);
        expect(refused.retryAfterMs).toBeGreaterThan(0);
        const { now } = await until(async () => {
          const answer = await one({ wanted: 1 });
          return answer.granted === 1 ? answer : undefined;
        });
        const late = now - answeredAt - PERIOD_MS;
        expect(late).toBeGreaterThanOrEqual(30);
        expect(late).toBeLessThan(300);
        expect(await drain(one)).toBe(LIMIT - 1);
      },
    );

    it('takes back what was not sent', async () => {
      await open('n_then_block');
      const one = holder();
      await drain(one);
      await one({ unsent: 3, accepted: 10 });
      expect(await drain(holder())).toBe(3);
    });

    it('keeps what a dead holder had, as it may have been sent', async () => {
      await open('n_then_block');
      const [dead, one] = [holder(), holder()];
      const { granted } = await dead({ wanted: 4 });
      await until(async () => {
        await one();
        return (await look()).out === 0;
      });
      expect(await look()).toMatchObject({ remaining: LIMIT - granted, out: 0 });
      expect(await dead({ accepted: granted, wanted: 1 })).toMatchObject({
        lapsed: true,
        granted: 0,
      });
      expect(await look()).toMatchObject({ remaining: LIMIT - granted, out: 0 });
    });

    it('repairs the count when the provider tells that it never got a call', async () => {
      await open('n_then_block');
      const one = holder();
      await one({ wanted: 2 });
      const { now } = await one({ accepted: 1, ambiguous: 1, wanted: 1 });
      const told = { remaining: LIMIT - 2, limit: null, resetMs: null, grantedAt: now };
      await one({ accepted: 1, told });
      expect(await look()).toMatchObject({ remaining: LIMIT - 2 });
    });

    it('believes a refusal, but not one of an older epoch', async () => {
      await open('n_then_block', { limit: 1 });
      const one = holder();
      const first = await one({ wanted: 1 });
      await one({ accepted: 1 });
      const second = await until(async () => {
        const answer = await one({ wanted: 1 });
        return answer.granted === 1 ? answer : undefined;
      });
      expect(second.epoch).toBe(first.epoch + 1);
      await one({ refusal: { epoch: first.epoch, retryAfterMs: 60_000 } });
      expect((await look()).phase).toBe('draining');
      const refusal = { epoch: second.epoch, retryAfterMs: 60_000 };
      const { retryAfterMs, phase } = await one({ refused: 1, refusal });
      expect([phase, retryAfterMs]).toEqual(['blocked', 0]);
      expect((await one({ wanted: 1 })).retryAfterMs).toBeGreaterThan(59_000);
    });

    it('probes a provider with an unknown limit, one call at a time, after it refused', async () => {
      await open('n_then_block', { limit: null });
      const [one, other] = [holder(), holder()];
      const { granted, epoch } = await one({ wanted: 100 });
      expect(granted).toBe(100);
      await one({ accepted: 99, refused: 1, refusal: { epoch, retryAfterMs: null } });
      const { retryAfterMs } = await one({ wanted: 100 });
      expect(retryAfterMs).toBeGreaterThan(0);
      await until(async () => (await one({ wanted: 100 })).granted === 1);
      expect((await other({ wanted: 100 })).granted).toBe(0);
      await one({ accepted: 1 });
      expect((await other({ wanted: 100 })).granted).toBe(100);
    });

    it('follows a limit that is changed in mid-epoch', async () => {
      await open('n_then_block');
      const one = holder();
      await drain(one);
      quota = { ...quota, limit: LIMIT + 5 };
      expect(await drain(one)).toBe(5);
      quota = { ...quota, limit: LIMIT - 5 };
      expect(await one({ accepted: LIMIT - 5, unsent: 10, wanted: 1 })).toMatchObject({
        granted: 0,
        phase: 'blocked',
      });
    });

    it('has no book where none was opened, and opens one only once', async () => {
      quota = quotaOf('n_then_block');
      expect(await holder()({ wanted: 1 })).toMatchObject({ granted: 0, lost: true });
      expect(await look()).toMatchObject({ phase: 'unknown', remaining: null });
      await Promise.all([store().restore(quota, FRESH), store().restore(quota, undefined)]);
      await store().restore(quota, FRESH);
      await store().forget([quota.providerId]);
      await store().restore(quota, { used: LIMIT - 3, lastAt: Date.now() });
      await store().restore(quota, FRESH);
      expect(await look()).toMatchObject({ phase: 'open', remaining: 1 }); // a probe, then the other two
    });

    it('takes a lost book for an exhausted one, and then sends one call at a time', async () => {
      quota = quotaOf('n_then_block');
      await store().restore(quota, undefined);
      const one = holder();
      expect(await one({ wanted: 1 })).toMatchObject({ granted: 0, phase: 'blocked' });
      const { now } = await until(async () => {
        const answer = await one({ wanted: 5 });
        return answer.granted === 1 ? answer : undefined;
      });
      expect((await one({ wanted: 5 })).granted).toBe(0);
      const told = { remaining: 7, limit: LIMIT, resetMs: null, grantedAt: now };
      await one({ accepted: 1, told });
      expect(await look()).toMatchObject({ remaining: 7 });
    });

    it('asks nothing of a provider that only costs', async () => {
      await open('none');
      const one = holder();
      expect((await one({ wanted: 5_000 })).granted).toBe(5_000);
      const refusal = { epoch: 1, retryAfterMs: 9_000 };
      await one({ accepted: 4_999, refused: 1, refusal });
      expect(await look()).toMatchObject({ phase: 'blocked' });
    });

    it('serves a gate: every caller one token, in few exchanges, and what is left over goes back', async () => {
      await open('n_then_block');
      let exchanges = 0;
      const counted: Pick<QuotaStore, 'exchange'> = {
        exchange: (exchange) => ((exchanges += 1), store().exchange(exchange)),
      };
      const gate = new QuotaGate({
        quota,
        holder: randomUUID(),
        store: Object.assign(Object.create(store()) as QuotaStore, counted),
      });
      const asked = await Promise.all(Array.from({ length: LIMIT + 10 }, () => gate.acquire()));
      const permits = asked.filter((one): one is Permit => one.granted);
      expect(permits).toHaveLength(LIMIT);
      expect(asked.filter((one) => !one.granted)).toHaveLength(10);
      expect(exchanges).toBeLessThan(12);
      for (const permit of permits.slice(0, 15)) permit.unsent();
      for (const permit of permits.slice(15)) expect(permit.beforeWrite()).toBe(true);
      for (const permit of permits.slice(15)) permit.accepted();
      await gate.close();
      expect(await look()).toMatchObject({ remaining: 15, out: 0 });
    });

    it('wakes those who wait at a gate soon after the reset, in order', async () => {
      await open('n_then_block', { limit: 2 });
      const gate = new QuotaGate({ quota, holder: randomUUID(), store: store() });
      const take = async () => {
        const permit = await gate.acquire({ maxWaitMs: 5_000 });
        if (!permit.granted) throw new Error('denied');
        permit.beforeWrite();
        permit.accepted();
        return performance.now();
      };
      const instants = await Promise.all(Array.from({ length: 4 }, take));
      expect(instants).toEqual([...instants].sort((a, b) => a - b));
      const waited = instants[2]! - instants[1]!;
      expect(waited).toBeGreaterThanOrEqual(PERIOD_MS);
      expect(waited).toBeLessThan(PERIOD_MS + 300);
      expect(await gate.acquire({ maxWaitMs: 10 })).toMatchObject({
        granted: false,
        phase: 'blocked',
      });
      await gate.close();
    });

    it('recovers at a gate from what a journal knows', async () => {
      quota = quotaOf('n_then_block');
      const recover = () => Promise.resolve({ used: LIMIT - 1, lastAt: Date.now() });
      const gate = new QuotaGate({ quota, holder: randomUUID(), store: store(), recover });
      expect(await gate.acquire()).toMatchObject({ granted: false, phase: 'unavailable' });
      expect(await gate.acquire({ maxWaitMs: 10_000 })).toMatchObject({ granted: true });
      expect(await gate.acquire()).toMatchObject({ granted: false });
      await gate.close();
    });

    it('lets nothing be written on a permit that is too old', async () => {
      await open('sliding');
      const gate = new QuotaGate({ quota, holder: randomUUID(), store: store() });
      const permit = await gate.acquire();
      if (!permit.granted) throw new Error('denied');
      const since = performance.now();
      await until(() => performance.now() - since > 260);
      expect(permit.beforeWrite()).toBe(false);
      await gate.close();
      expect(await look()).toMatchObject({ remaining: LIMIT, out: 0 });
    });
  });
}
