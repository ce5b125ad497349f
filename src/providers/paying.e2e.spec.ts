import { type App, bootApp } from '../../test/support/app.js';
import { problemIn } from '../../test/support/http-client.js';
import { ProviderStand } from '../../test/support/providers.js';
import { signUp, type TestUser } from '../../test/support/users.js';
import { PAID, SimulatorServer } from '../simulators/index.js';
import type { MessageView } from './messages.dto.js';
import type { ProviderView, UsageView } from './providers.dto.js';

const WAIT = { prefer: 'wait=10' };

describe('a user who may pay', () => {
  let stand: ProviderStand;
  let app: App;
  let user: TestUser;

  const start = async (
    limits: Parameters<typeof ProviderStand.open>[0] = {},
    env: Record<string, string> = {},
  ) => {
    stand = await ProviderStand.open(limits);
    app = await bootApp({ env: { ...stand.env, ...env } });
    user = await signUp(app, { rights: ['provider:paid'] });
  };
  afterEach(() => stand.close());

  const send = (body: object, headers: object = WAIT) =>
    app.http.post<MessageView>('/messages', body, { ...user.bearer, ...headers });
  const get = async (id: string) =>
    (await app.http.get<MessageView>(`/messages/${id}`, user.bearer)).body;
  const providers = async () => {
    const { body } = await app.http.get<{ items: ProviderView[] }>('/providers');
    return Object.fromEntries(body.items.map((provider) => [provider.id, provider]));
  };

  it('is served free while that is possible, paid at once when it is not, and free again after the block', async () => {
    await start({ limit: 2, period_ms: 1_500 });
    const used: unknown[] = [];
    for (let n = 0; n < 4; n += 1) used.push((await send({ payload: n })).body.provider_used);
    expect(used).toEqual(['free', 'free', 'paid', 'paid']);
    await app.until(async () => (await providers())['free']?.state === 'open');
    expect((await send({ payload: 'after' })).body.provider_used).toBe('free');
    expect(stand.free.simulator.statistics().refused).toBe(0);
  });

  it('pays the price of each call, and sees it in the usage with the optimum', async () => {
    await start({ limit: 1, period_ms: 60_000 });
    const [free, paid] = [await send({ payload: 1 }), await send({ payload: 2 })];
    expect([free.body.cost_micros, paid.body.cost_micros]).toEqual([0, 2_000]);
    const { total, blocks } = await app.until(async () => {
      const { body } = await app.http.get<UsageView>('/providers/usage?bucket=minute');
      return body.total.paid === 1 && body.blocks.length === 1 ? body : undefined;
    });
    expect(total).toMatchObject({ free: 1, paid: 1, optimum: 1, excess: 0, spent_micros: 2_000 });
    expect(Date.parse(blocks[0]!.until) - Date.parse(blocks[0]!.from)).toBeGreaterThan(50_000);
    const svg = await app.http.get<string>('/providers/usage/chart.svg?bucket=minute');
    expect(svg.headers.get('content-type')).toContain('image/svg+xml');
    expect(svg.body).toContain('1 free and 1 paid calls');
  });

  it('never spends more than the budget, however many ask at once', async () => {
    await start({ limit: 1, period_ms: 60_000 }, { PROVIDER_PAID_BUDGET_MICROS: '9999' });
    await send({ payload: 'the free one' });
    const many = Array.from({ length: 20 }, (_, n) => ({ payload: n }));
    const { body } = await app.http.post<MessageView[]>('/messages', many, {
      ...user.bearer,
      ...WAIT,
    });
    const paid = body.filter(({ state }) => state === 'succeeded');
    expect([paid.length, stand.paid.simulator.statistics().accepted]).toEqual([4, 4]);
    const failed = body.filter(({ state }) => state === 'failed');
    expect(new Set(failed.map(({ error }) => error?.code))).toEqual(
      new Set(['free-quota-exhausted']),
    );
    const wish = await send({ payload: 'x', provider: 'paid' });
    expect(wish.body.error?.code).toBe('budget-exhausted');
  });

  it('loses the right for messages in the queue, too', async () => {
    await start();
    await app.http.post('/providers/free/drain');
    await app.http.post('/providers/paid/drain');
    const { body } = await send({ payload: 1 }, {});
    const wish = await send({ payload: 2, provider: 'paid' }, {});
    await app.until(async () => (await get(body.id)).error?.code === 'providers-unavailable');
    await app.sql(`update identity.account set rights = '{}' where id = $1`, [user.id]);
    const withdrawnAt = performance.now();
    await app.until(() => performance.now() > withdrawnAt + 1_000);
    await app.http.post('/providers/paid/enable');
    const ended = await app.until(async () => {
      const now = await get(wish.body.id);
      return now.finished_at === null ? undefined : now;
    });
    expect(ended).toMatchObject({ state: 'failed', error: { code: 'paid-provider-forbidden' } });
    expect(stand.paid.simulator.statistics().accepted).toBe(0);
    await app.http.post('/providers/free/enable');
    await app.until(async () => (await get(body.id)).provider_used === 'free');
  });

  it('is paid for when the free provider fails, and told when both do, until one is back', async () => {
    await start();
    const { port } = new URL(stand.env['PROVIDER_PAID_URL'] ?? '');
    await stand.free.close();
    expect((await send({ payload: 1 })).body.provider_used).toBe('paid');
    await stand.paid.close();
    const many = Array.from({ length: 20 }, (_, n) => ({ payload: n }));
    await app.http.post('/messages', many, user.bearer);
    const told = await app.until(async () => {
      const { body } = await send({ payload: 'told' }, {});
      return body.error ? body : undefined;
    });
    expect(told).toMatchObject({ state: 'queued', error: { code: 'providers-unavailable' } });
    expect(await providers()).toMatchObject({ free: { health: 'down' }, paid: { health: 'down' } });
    const back = new SimulatorServer('paid', { ...PAID, latency_ms: { min: 0, max: 0 } });
    await back.listen(Number(port), '127.0.0.1');
    const ended = await app.until(async () => {
      const now = await get(told.id);
      return now.finished_at === null ? undefined : now;
    });
    await back.close();
    expect(ended).toMatchObject({ state: 'succeeded', provider_used: 'paid', error: null });
  });

  it('sees only messages of his own', async () => {
    await start();
    const { body } = await send({ payload: 'mine' });
    const other = await signUp(app);
    expect((await app.http.get(`/messages/${body.id}`, other.bearer)).status).toBe(404);
    expect((await app.http.get('/messages', other.bearer)).body).toEqual({
      items: [],
      next_cursor: null,
    });
  });

  it('may not change providers, and an administrator only within reason', async () => {
    await start({ limit: 3, period_ms: 60_000 }, { PROVIDER_FREE_LIMIT: '1' });
    const { free } = await providers();
    const put = (change: object, headers = {}) => {
      const {
        id: _,
        state: _s,
        remaining: _r,
        seconds_to_reset: _t,
        health: _h,
        ...settings
      } = free!;
      return app.http.send('PUT', '/providers/free', { body: { ...settings, ...change }, headers });
    };
    expect((await put({}, user.bearer)).status).toBe(403);
    const metadata = await put({ url: 'http://169.254.169.254/latest' });
    expect([metadata.status, problemIn(metadata).errors?.[0]?.field]).toEqual([422, 'url']);
    expect((await put({ price_micros: 5 })).status).toBe(422);
    expect((await put({ limit: 3 })).body).toMatchObject({ limit: 3 });
    const used: unknown[] = [];
    for (let n = 0; n < 4; n += 1) used.push((await send({ payload: n })).body.provider_used);
    expect(used).toEqual(['free', 'free', 'free', 'paid']);
  });
});
