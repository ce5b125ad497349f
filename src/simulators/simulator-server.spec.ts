import { FREE, SimulatorServer } from './simulator-server.js';
import type { SimulatorSettings, SimulatorStatistics } from './simulator.dto.js';

describe('a simulated provider', () => {
  let server: SimulatorServer;
  let url: string;

  const start = async (settings: Partial<SimulatorSettings> = {}) => {
    const latency = { latency_ms: { min: 0, max: 0 } };
    server = new SimulatorServer('free', { ...FREE, ...latency, limit: 2, ...settings });
    url = await server.listen(0, '127.0.0.1');
  };
  const call = (key?: string, body: unknown = { text: 'hello' }) =>
    fetch(`${url}/v1/messages`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(key === undefined ? {} : { 'idempotency-key': key }),
      },
      body: JSON.stringify(body),
    });
  const statistics = async () =>
    (await (await fetch(`${url}/control/statistics`)).json()) as SimulatorStatistics;
  const change = (settings: object) =>
    fetch(`${url}/control`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(settings),
    });

  afterEach(() => server.close());

  it('tells what is left, then refuses with the time to wait', async () => {
    await start();
    const first = await call();
    expect([
      first.status,
      first.headers.get('ratelimit'),
      first.headers.get('ratelimit-policy'),
    ]).toEqual([200, '"free";r=1;t=10', '"free";q=2;w=10']);
    await call();
    const refused = await call();
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '10']);
    expect(await statistics()).toMatchObject({
      accepted: 2,
      refused: 1,
      epochs: [{ accepted: 2, refused: 1 }],
    });
  });

  it('answers a known idempotency key as before, and does not count it', async () => {
    await start({ limit: 1 });
    const answer = await (await call('a')).json();
    expect(await (await call('a')).json()).toMatchObject(answer as object);
    expect(await statistics()).toMatchObject({ accepted: 1, refused: 0, replayed: 1 });
  });

  it('refuses a key that is still at work', async () => {
    await start({ latency_ms: { min: 200, max: 200 } });
    const answers = await Promise.all([call('a'), call('a')]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect(await statistics()).toMatchObject({ accepted: 1, conflicts: 1 });
  });

  it('counts calls that it fails, and none that it cuts off', async () => {
    await start({ limit: 10, error_rate: 1 });
    expect((await call()).status).toBe(500);
    await change({ lost_rate: 1 });
    await expect(call()).rejects.toThrow('fetch failed');
    expect(await statistics()).toMatchObject({ accepted: 1, errors: 1, lost: 1 });
  });

  it('can be changed while it runs, but not to nonsense', async () => {
    await start();
    expect(await (await change({ limit: 1, headers: false })).json()).toMatchObject({ limit: 1 });
    expect((await call()).headers.get('ratelimit')).toBeNull();
    expect((await call()).status).toBe(429);
    for (const nonsense of [{ limit: 0 }, { limits: 3 }, { latency_ms: { min: 2, max: 1 } }]) {
      expect((await change(nonsense)).status).toBe(400);
    }
    await fetch(`${url}/control/reset`, { method: 'POST' });
    expect((await call()).status).toBe(200);
  });

  it('tells the time of its own clock', async () => {
    await start({ clock_offset_ms: 3_600_000 });
    const date = Date.parse((await call()).headers.get('date') ?? '');
    expect(Math.abs(date - Date.now() - 3_600_000)).toBeLessThan(2_000);
  });
});
