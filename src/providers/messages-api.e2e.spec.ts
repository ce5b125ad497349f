import { type App, bootApp } from '../../test/support/app.js';
import { problemIn } from '../../test/support/http-client.js';
import { ProviderStand } from '../../test/support/providers.js';
import type { MessageView } from './messages.dto.js';

const WAIT = { prefer: 'wait=10' };

describe('messages of a user who may not pay', () => {
  let stand: ProviderStand;
  let app: App;

  const start = async (limits: Parameters<typeof ProviderStand.open>[0] = {}) => {
    stand = await ProviderStand.open(limits);
    app = await bootApp({ env: stand.env });
  };
  afterEach(() => stand.close());

  const send = (body: object, headers = {}) =>
    app.http.post<MessageView>('/messages', body, headers);

  it('are taken, processed by the free provider, and found where Location says', async () => {
    await start();
    const taken = await send({ payload: { text: 'hello' } });
    expect([taken.status, taken.body.state]).toEqual([202, 'queued']);
    const place = taken.headers.get('location') ?? '';
    expect(place).toBe(`/api/v1/messages/${taken.body.id}`);
    const ended = await app.until(async () => {
      const { body } = await app.http.get<MessageView>(place);
      return body.finished_at === null ? undefined : body;
    });
    expect(ended).toMatchObject({ state: 'succeeded', provider_used: 'free', attempts: 1 });
    expect(ended).toMatchObject({ response: { id: 'free-1' }, cost_micros: 0, error: null });
  });

  it('are answered with the result to who prefers to wait', async () => {
    await start();
    const answer = await send({ payload: 'hello' }, WAIT);
    expect([answer.status, answer.body.state]).toEqual([200, 'succeeded']);
    expect(answer.headers.get('preference-applied')).toBe('wait=10');
  });

  it('are answered 202 when the wait was too short', async () => {
    await start();
    await send({ payload: 'the book is open' }, WAIT);
    stand.free.simulator.change({
      ...stand.free.simulator.settings,
      latency_ms: { min: 3_000, max: 3_000 },
    });
    const answer = await send({ payload: 'hello' }, { prefer: 'wait=1' });
    expect([answer.status, answer.body.state]).toEqual([202, 'sending']);
  });

  it('are taken by the hundred, answered in their order, all or none', async () => {
    await start();
    const many = Array.from({ length: 100 }, (_, index) => ({ payload: index }));
    const { status, body } = await app.http.post<MessageView[]>('/messages', many, WAIT);
    expect(status).toBe(200);
    expect(body.map(({ payload }) => payload)).toEqual(many.map(({ payload }) => payload));
    expect(new Set(body.map(({ state }) => state))).toEqual(new Set(['succeeded']));
    const wrong = await app.http.post('/messages', [{ payload: 1 }, { payload: 2, provider: 'x' }]);
    expect(wrong.status).toBe(422);
    expect(await app.sql('select count(*)::int as count from providers.message')).toEqual([
      { count: 100 },
    ]);
  });

  it('are refused with 429 while the free provider is blocked, and taken by it after the time told', async () => {
    await start({ limit: 2, period_ms: 1_500 });
    await app.http.post('/messages', [{ payload: 1 }, { payload: 2 }], WAIT);
    const refused = await send({ payload: 3 }, WAIT);
    expect(refused.status).toBe(429);
    expect(problemIn(refused).type).toBe('/problems/free-quota-exhausted');
    const seconds = Number(refused.headers.get('retry-after'));
    expect(seconds).toBeGreaterThanOrEqual(1);
    expect(seconds).toBeLessThanOrEqual(2);
    const obeyedAt = performance.now() + seconds * 1_000;
    await app.until(() => performance.now() > obeyedAt);
    const taken = await send({ payload: 4 }, WAIT);
    expect([taken.status, taken.body.provider_used]).toEqual([200, 'free']);
    expect(stand.free.simulator.statistics().refused).toBe(0);
    expect(stand.paid.simulator.statistics().accepted).toBe(0);
  });

  it('are refused at the door once it is known for certain', async () => {
    await start({ limit: 1, period_ms: 60_000 });
    await send({ payload: 1 }, WAIT);
    const refused = await app.until(async () => {
      const answer = await send({ payload: 2 });
      return answer.status === 429 ? answer : undefined;
    });
    expect(problemIn(refused).type).toBe('/problems/free-quota-exhausted');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(30);
  });

  it('wait for the free provider as long as they may', async () => {
    await start({ limit: 1, period_ms: 1_000 });
    await send({ payload: 1 }, WAIT);
    const waited = await send({ payload: 2, max_wait_ms: 8_000 }, WAIT);
    expect([waited.status, waited.body.provider_used]).toEqual([200, 'free']);
    const { epochs } = stand.free.simulator.statistics();
    expect(epochs[1]?.first_call_after_ms).toBeLessThanOrEqual(300);
    const inVain = await send({ payload: 3, max_wait_ms: 100 }, WAIT);
    expect(inVain.status).toBe(429);
  });

  it('are not paid: asking for the paid provider is forbidden', async () => {
    await start();
    const answer = await send({ payload: 1, provider: 'paid' });
    expect(answer.status).toBe(403);
    expect(problemIn(answer).errors).toEqual([
      { field: 'provider', message: expect.any(String) as string },
    ]);
  });

  it('come by message, too, and are taken once however often one comes', async () => {
    await start();
    const id = await app.send('providers', 'process', { payload: 'by message' });
    await app.send('providers', 'process', { payload: 'by message' }, { id });
    await app.until(async () => (await listed('succeeded')).length === 1);
    await app.settle();
    expect(await listed('succeeded')).toHaveLength(1);
  });

  it('are processed as tasks of kind provider.message', async () => {
    await start();
    const task = { kind: 'provider.message', payload: { payload: 'as a task' } };
    const { body } = await app.http.post<{ id: string }>('/tasks', task);
    const ended = await app.until(async () => {
      const now = await app.http.get<{ finished_at: string | null }>(`/tasks/${body.id}`);
      return now.body.finished_at === null ? undefined : now.body;
    });
    expect(ended).toMatchObject({ status: 'succeeded', result: { id: 'free-1' } });
  });

  it('have one effect per Idempotency-Key', async () => {
    await start();
    const key = { 'idempotency-key': 'order-17', ...WAIT };
    const [first, second] = [await send({ payload: 1 }, key), await send({ payload: 1 }, key)];
    expect(second.body).toEqual(first.body);
    expect(stand.free.simulator.statistics().accepted).toBe(1);
  });

  it('are listed, newest first, by their state', async () => {
    await start();
    await app.http.post('/messages', [{ payload: 1 }, { payload: 2 }], WAIT);
    expect((await listed('succeeded')).map(({ payload }) => payload)).toEqual([2, 1]);
    expect(await listed('failed')).toEqual([]);
  });

  async function listed(state: string): Promise<readonly MessageView[]> {
    const { body } = await app.http.get<{ items: MessageView[] }>(`/messages?state=${state}`);
    return body.items;
  }
});

describe('messages that one process takes and another one sends', () => {
  it.each(['postgres', 'rabbitmq'] as const)('are ended within a moment, on %s', async (broker) => {
    const stand = await ProviderStand.open();
    const api = await bootApp({ broker, env: { ...stand.env, ROLES: 'api,relay' } });
    await bootApp({ beside: api, env: { ...stand.env, ROLES: 'worker,scheduler' } });
    const { status, body } = await api.http.post<MessageView>('/messages', { payload: 1 }, WAIT);
    expect([status, body.state]).toEqual([200, 'succeeded']);
    await stand.close();
  });
});
