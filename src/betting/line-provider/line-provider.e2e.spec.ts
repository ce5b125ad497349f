import { randomUUID } from 'node:crypto';
import { Injectable, Module } from '@nestjs/common';
import { type App, bootApp } from '../../../test/support/app.js';
import { problemIn } from '../../../test/support/http-client.js';
import { InvalidToken } from '../../kernel/access/access.errors.js';
import { Authenticator } from '../../kernel/access/authenticator.js';
import type { Caller } from '../../kernel/access/caller.js';

interface EventBody {
  readonly event_id: string;
  readonly version: number;
  readonly ratio: string;
  readonly deadline: string;
  readonly status: string;
  readonly result: object | null;
  readonly feed_version: string;
}

const ALONE = { MODULES: 'line-provider' };
const LATER = '2099-11-21T18:00:00.000Z';

let app: App;

const nextId = () => `e-${randomUUID()}`;
const eventOf = (more: object = {}) => ({
  event_id: nextId(),
  ratio: '1.85',
  deadline: LATER,
  status: 'NEW',
  ...more,
});

async function create(more: object = {}): Promise<EventBody> {
  const { status, body } = await app.http.post<EventBody>('/event', eventOf(more));
  expect(status).toBe(201);
  return body;
}

const act = (id: string, action: string, body?: object) =>
  app.http.post<EventBody>(`/event/${id}/${action}`, body);

const fieldsOf = (answer: Parameters<typeof problemIn>[0]) =>
  problemIn(answer).errors?.map(({ field }) => field);

const count = async () =>
  (await app.sql<{ count: number }>('select count(*)::int as count from line_provider.event'))[0]
    ?.count;

describe('the line provider over HTTP', () => {
  beforeAll(async () => {
    app = await bootApp({ env: ALONE, shared: true });
  });
  afterAll(() => app.stop());

  it('takes one event and answers one', async () => {
    const event = eventOf();
    const { status, body } = await app.http.post('/event', event);
    expect(status).toBe(201);
    expect(body).toEqual({
      event_id: event.event_id,
      version: 1,
      ratio: '1.850',
      deadline: LATER,
      status: 'open',
      result: null,
      feed_version: expect.stringMatching(/^\d+$/) as unknown,
      changed_at: expect.any(String) as unknown,
    });
    expect((await app.http.get(`/event/${event.event_id}`)).body).toEqual(body);
  });

  it('takes an array and answers an array, in its order', async () => {
    const events = [eventOf({ ratio: 2 }), eventOf({ deadline: 4_082_724_000 }), eventOf()];
    const { body } = await app.http.post<EventBody[]>('/event', events);
    expect(body.map(({ event_id }) => event_id)).toEqual(events.map(({ event_id }) => event_id));
    expect(body[1]?.deadline).toBe('2099-05-17T18:00:00.000Z');
    const updates = body.map(({ event_id }) => ({ event_id, ratio: 3.125 })).reverse();
    const { status, body: updated } = await app.http.put<EventBody[]>('/event', updates);
    expect(status).toBe(200);
    expect(updated.map(({ event_id }) => event_id)).toEqual(updates.map((one) => one.event_id));
    expect(updated.map(({ ratio, version }) => [ratio, version])).toEqual([
      ['3.125', 2],
      ['3.125', 2],
      ['3.125', 2],
    ]);
  });

  it('takes the whole event in an update, too, and the words of others for its status', async () => {
    const event = eventOf();
    await app.http.post('/event', event);
    const end = { ...event, status: 'FINISHED_WIN' };
    const { body } = await app.http.put<EventBody>('/event', end);
    expect(body).toMatchObject({
      version: 3, // closed, then resulted
      status: 'resulted',
      result: { settlement: 1, outcome: 'won', void_share: '0.000', dead_heat: '1.000' },
    });
  });

  it.each([
    [{ ratio: 1 }, 'ratio'],
    [{ ratio: 0.5 }, 'ratio'],
    [{ ratio: 1e-7 }, 'ratio'],
    [{ ratio: 1e21 }, 'ratio'],
    [{ ratio: 'NaN' }, 'ratio'],
    [{ ratio: '1.2345' }, 'ratio'],
    [{ ratio: undefined }, 'ratio'],
    [{ deadline: '2001-01-01T00:00:00Z' }, 'deadline'],
    [{ deadline: 1_000_000_000 }, 'deadline'],
    [{ deadline: 4_082_724_000_000 }, 'deadline'],
    [{ status: 'opne' }, 'status'],
    [{ event_id: 'no blanks' }, 'event_id'],
    [{ odds: 2 }, 'odds'],
  ])('refuses %j, names the field, and writes nothing', async (more, field) => {
    const before = await count();
    const alone = await app.http.post('/event', eventOf(more));
    expect([alone.status, fieldsOf(alone)]).toEqual([422, [field]]);
    const among = await app.http.post('/event', [eventOf(), eventOf(more)]);
    expect([among.status, fieldsOf(among)]).toEqual([422, [`[1].${field}`]]);
    expect(await count()).toBe(before);
  });

  it('refuses 1,001 events at once', async () => {
    const answer = await app.http.post('/event', Array.from({ length: 1_001 }, eventOf));
    expect(answer.status).toBe(422);
    const most = Array.from({ length: 1_000 }, eventOf);
    expect((await app.http.post('/event', most)).status).toBe(201);
  });

  it('has every event once, and takes an array wholly or not at all', async () => {
    const { event_id } = await create();
    const before = await count();
    const taken = await app.http.post('/event', [eventOf(), eventOf({ event_id })]);
    expect([taken.status, fieldsOf(taken)]).toEqual([409, ['[1].event_id']]);
    const twice = eventOf();
    const named = await app.http.post('/event', [twice, twice]);
    expect([named.status, fieldsOf(named)]).toEqual([422, ['[1].event_id']]);
    expect(await count()).toBe(before);
  });

  it('gives an id to one of those who ask for it at once', async () => {
    const event = eventOf();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => app.http.post('/event', event)),
    );
    const statuses = answers.map(({ status }) => status).sort((a, b) => a - b);
    expect(statuses).toEqual([201, ...Array.from({ length: 19 }, () => 409)]);
  });

  it('updates all events of an array, or none', async () => {
    const known = await create();
    const answer = await app.http.put('/event', [
      { event_id: known.event_id, ratio: 9 },
      { event_id: 'nobody-knows', ratio: 9 },
    ]);
    expect([answer.status, fieldsOf(answer)]).toEqual([404, ['[1].event_id']]);
    expect((await app.http.get(`/event/${known.event_id}`)).body).toEqual(known);
    expect((await app.http.get('/event/nobody-knows')).status).toBe(404);
    expect((await app.http.get('/event/no%20id')).status).toBe(400);
  });

  it('refuses an update by who has seen another version', async () => {
    const { event_id } = await create();
    await app.http.put('/event', { event_id, version: 1, ratio: 2 });
    const answer = await app.http.put('/event', { event_id, version: 1, ratio: 3 });
    expect([answer.status, fieldsOf(answer)]).toEqual([409, ['version']]);
  });

  it('does once what has one Idempotency-Key', async () => {
    const key = { 'idempotency-key': randomUUID() };
    const event = eventOf();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => app.http.post<EventBody>('/event', event, key)),
    );
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    expect(answers[0]?.status).toBe(201);
    expect((await app.http.post('/event', { ...event, ratio: 2 }, key)).status).toBe(422);
  });

  it('suspends, resumes, results and resettles', async () => {
    const { event_id: id } = await create();
    expect((await act(id, 'suspend')).body).toMatchObject({ version: 2, status: 'suspended' });
    expect((await act(id, 'suspend')).body).toMatchObject({ version: 2, status: 'suspended' });
    expect((await act(id, 'resume', { version: 2 })).body).toMatchObject({ status: 'open' });
    expect((await act(id, 'resettle', { outcome: 'won' })).status).toBe(409);
    const resulted = await act(id, 'result', { outcome: 'won', dead_heat: 0.5 });
    expect(resulted.body).toMatchObject({ version: 5, result: { dead_heat: '0.500' } });
    expect((await act(id, 'result', { outcome: 'lost' })).status).toBe(409);
    expect((await act(id, 'suspend')).status).toBe(409);
    const corrected = await act(id, 'resettle', { outcome: 'lost', void_share: '0.25' });
    expect(corrected.body).toMatchObject({
      status: 'resulted',
      result: { settlement: 2, outcome: 'lost', void_share: '0.250' },
    });
    const late = await app.http.put('/event', { event_id: id, ratio: 2 });
    expect([late.status, fieldsOf(late)]).toEqual([409, ['ratio']]);
  });

  it('calls an event off', async () => {
    const { event_id: id } = await create();
    expect((await act(id, 'void')).body).toMatchObject({
      status: 'voided',
      result: { settlement: 1, outcome: 'void', void_share: '1.000', dead_heat: '1.000' },
    });
  });

  it('carries nothing but the line provider', async () => {
    expect((await app.http.get('/tasks')).status).toBe(404);
  });
});

const caller = (id: string, ...rights: string[]): Caller => ({
  id,
  name: id,
  roles: [],
  rights: new Set(rights),
  isAnonymous: false,
});

@Injectable()
class Tokens extends Authenticator {
  async authenticate(token: string): Promise<Caller> {
    if (token === 'of-the-trader') return caller('trader', 'betting:trade');
    if (token === 'of-a-punter') return caller('punter', 'betting:bet');
    throw new InvalidToken();
  }
}

@Module({ providers: [Tokens] })
class TokensModule {}

it('lets only those change and read the line who may trade', async () => {
  app = await bootApp({ env: { ...ALONE, AUTH_MODE: 'required' }, modules: [TokensModule] });
  const as = (token: string) => ({ authorization: `Bearer ${token}` });
  expect((await app.http.post('/event', eventOf())).status).toBe(401);
  expect((await app.http.post('/event', eventOf(), as('of-a-punter'))).status).toBe(403);
  const { status, body } = await app.http.post<EventBody>('/event', eventOf(), as('of-the-trader'));
  expect(status).toBe(201);
  const path = `/event/${body.event_id}`;
  expect((await app.http.get(path, as('of-a-punter'))).status).toBe(403);
  expect((await app.http.post(`${path}/void`, {}, as('of-a-punter'))).status).toBe(403);
  const id = await app.send('line-provider', 'events/create', eventOf());
  await app.until(async () => {
    const [letter] = await app.sql<{ reason: string }>(
      `select reason from kernel.dead_letter where message_id = $1`,
      [id],
    );
    return letter?.reason.includes('unauthenticated');
  });
});
