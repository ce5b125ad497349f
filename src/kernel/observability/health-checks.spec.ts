import { HealthChecks } from './health-checks.js';

const { jest } = import.meta;

describe('health', () => {
  let health: HealthChecks;
  beforeEach(() => {
    health = new HealthChecks();
    health.register('steady', () => ({ up: true }), { critical: true });
  });
  afterEach(() => void jest.useRealTimers());

  it('is ok while everything is up', async () => {
    expect(await health.report()).toMatchObject({
      status: 'ok',
      checks: {
        steady: { status: 'up', critical: true, latency_ms: expect.any(Number) as unknown },
      },
    });
  });

  it('is degraded by what the process can do without, unavailable by what it cannot', async () => {
    health.register('cache', () => ({ up: false, reason: 'away' }), { critical: false });
    expect(await health.report()).toMatchObject({
      status: 'degraded',
      checks: { cache: { status: 'down', reason: 'away' } },
    });
    health.register('store', () => Promise.reject(new Error('gone')), { critical: true });
    expect(await health.report()).toMatchObject({
      status: 'unavailable',
      checks: { store: { status: 'down', reason: 'gone' }, steady: { status: 'up' } },
    });
  });

  it('tells the remark of what is up', async () => {
    health.register('queues', () => ({ up: true, reason: 'probing' }), { critical: false });
    expect(await health.report()).toMatchObject({
      status: 'ok',
      checks: { queues: { status: 'up', reason: 'probing' } },
    });
  });

  it('is draining from the moment the process says so, cache or not', async () => {
    await health.report();
    health.drain();
    expect(await health.report()).toMatchObject({ status: 'draining' });
  });

  it('never repeats a password', async () => {
    const reason = 'postgres://user:cAnary@host refused';
    health.register('store', () => ({ up: false, reason }), { critical: true });
    expect(JSON.stringify(await health.report())).not.toContain('cAnary');
  });

  it('asks a dependency once for a thousand probes', async () => {
    let asked = 0;
    const count = () => {
      asked += 1;
      return { up: true };
    };
    health.register('counted', count, { critical: true });
    await Promise.all(Array.from({ length: 1_000 }, () => health.report()));
    expect(asked).toBe(1);
  });

  it('reports a dependency that hangs within a second, and does not ask it again meanwhile', async () => {
    jest.useFakeTimers();
    let asked = 0;
    let answer: (state: { up: boolean }) => void = () => undefined;
    const hanging = () => {
      asked += 1;
      return new Promise<{ up: boolean }>((resolve) => (answer = resolve));
    };
    health.register('hanging', hanging, { critical: true });
    for (let round = 0; round < 3; round += 1) {
      const report = health.report();
      await jest.advanceTimersByTimeAsync(1_001);
      expect(await report).toMatchObject({
        status: 'unavailable',
        checks: { hanging: { reason: 'no answer within 1000 ms' } },
      });
    }
    expect(asked).toBe(1);
    answer({ up: true });
    await jest.advanceTimersByTimeAsync(1_001);
    const recovered = health.report();
    await jest.advanceTimersByTimeAsync(0);
    answer({ up: true });
    expect(await recovered).toMatchObject({ status: 'ok' });
    expect(asked).toBe(2);
  });

  it('refuses a name twice', () => {
    expect(() => health.register('steady', () => ({ up: true }), { critical: true })).toThrow();
  });
});
