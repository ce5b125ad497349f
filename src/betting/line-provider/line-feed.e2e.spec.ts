import { randomUUID } from 'node:crypto';
import { firstValueFrom } from 'rxjs';
import { type App, bootApp } from '../../../test/support/app.js';
import type { Letters } from '../../../test/support/letters.js';
import { MessageClient } from '../../kernel/messaging/message-client.js';
import type { SnapshotRequest, SnapshotView } from './feed.dto.js';
import { LINE_EVENT_CONTRACTS } from './line-provider.contracts.js';

const ALONE = { MODULES: 'line-provider' };
const CHANGED = 'line-provider.event-changed.v1';
const BEAT = 'line-provider.heartbeat.v1';
const LATER = '2099-11-21T18:00:00.000Z';

interface Told {
  readonly event_id: string;
  readonly version: number;
  readonly ratio: string;
  readonly status: string;
  readonly deadline: string;
  readonly changed_at: string;
  readonly feed_version: string;
}

let app: App;

const eventOf = (more: object = {}) => ({
  event_id: `e-${randomUUID()}`,
  ratio: '1.85',
  deadline: LATER,
  ...more,
});

const told = (letters: Letters, status?: string) =>
  letters.all
    .filter(({ routingKey }) => routingKey === CHANGED)
    .map(({ body }) => body as Told)
    .filter((one) => status === undefined || one.status === status);

/** By the clock of the database. */
async function inMs(ms: number): Promise<string> {
  const [row] = await app.sql<{ at: Date }>(
    `select clock_timestamp() + $1 * interval '1 ms' as at`,
    [ms],
  );
  return row!.at.toISOString();
}

function ask(request: Partial<SnapshotRequest> = {}, of = app): Promise<SnapshotView> {
  return firstValueFrom(
    of.get(MessageClient).send<SnapshotView>('line-provider/events/snapshot', request),
  );
}

describe('changes of one event by many at once', () => {
  it('have versions without gaps, and numbers of the feed in the order of their publishing', async () => {
    app = await bootApp({ env: ALONE, broker: 'rabbitmq' });
    const other = await bootApp({ env: { ...ALONE, ROLES: 'api' }, beside: app });
    const letters = await app.watch(CHANGED);
    const event = eventOf();
    await app.http.post('/event', event);
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        (index % 2 === 0 ? app : other).http.put<Told>('/event', {
          event_id: event.event_id,
          ratio: 2 + index,
        }),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    await app.until(() => told(letters).length >= 201);
    const versions = told(letters).map(({ version }) => version);
    expect(versions).toEqual(Array.from({ length: 201 }, (_, index) => index + 1));
    const numbers = told(letters).map((one) => Number(one.feed_version));
    expect(numbers).toEqual(Array.from({ length: 201 }, (_, index) => index + 1));
    expect(new Set(told(letters).map(({ ratio }) => ratio)).size).toBe(201);
    for (const { body } of answers) {
      expect(told(letters)[body.version - 1]).toEqual(body);
    }
  });

  it('leave a snapshot that knows every change up to its number, at whatever moment it is taken', async () => {
    app = await bootApp({ env: ALONE });
    const events = Array.from({ length: 10 }, () => eventOf());
    await app.http.post('/event', events);
    const changing = Promise.all(
      events.flatMap(({ event_id }) =>
        Array.from({ length: 10 }, (_, index) =>
          app.http.put('/event', { event_id, ratio: 3 + index }),
        ),
      ),
    );
    const seen = [];
    for (let round = 0; round < 10; round += 1) seen.push(await ask());
    await changing;
    seen.push(await ask());
    for (const { feed_version, items } of seen) {
      expect(Math.max(...items.map((item) => Number(item.feed_version)))).toBe(
        Number(feed_version),
      );
    }
    expect(seen.at(-1)?.feed_version).toBe('110');
  });
});

describe('a deadline', () => {
  it.each([
    ['behind', -86_400_000],
    ['ahead', 86_400_000],
  ])('passes by the clock of the database, also where that of the process is %s', async (_, ms) => {
    const clock = { now: () => new Date(Date.now() + ms) };
    app = await bootApp({ env: ALONE, clock });
    const letters = await app.watch(CHANGED);
    const [later, soon] = [eventOf({ deadline: await inMs(3_600_000) }), eventOf()];
    const deadline = await inMs(500);
    const { status } = await app.http.post('/event', [later, { ...soon, deadline }]);
    expect(status).toBe(201);
    await app.until(() => told(letters, 'closed').length > 0);
    const [closed] = told(letters, 'closed');
    expect(closed).toMatchObject({ event_id: soon.event_id, version: 2, deadline });
    const delay = Date.parse(closed!.changed_at) - Date.parse(deadline);
    expect(delay).toBeGreaterThanOrEqual(0);
    expect(delay).toBeLessThan(5_000);
    const { body } = await app.http.get<Told>(`/event/${later.event_id}`);
    expect(body.status).toBe('open');
  });

  it('closes every event once, however many processes look for it', async () => {
    app = await bootApp({ env: ALONE });
    await bootApp({ env: { ...ALONE, ROLES: 'scheduler' }, beside: app });
    const letters = await app.watch(CHANGED);
    const deadline = await inMs(1_500);
    const events = Array.from({ length: 1_000 }, () => eventOf({ deadline }));
    expect((await app.http.post('/event', events)).status).toBe(201);
    await app.until(() => told(letters, 'closed').length >= 1_000);
    await app.settle();
    const ids = told(letters, 'closed').map(({ event_id }) => event_id);
    expect([ids.length, new Set(ids).size]).toEqual([1_000, 1_000]);
    const [feed] = await app.sql<{ version: string }>(`select version from line_provider.feed`);
    expect(feed?.version).toBe('2000');
  });

  it('makes whoever comes too late hear of it, before anybody has looked', async () => {
    app = await bootApp({ env: { ...ALONE, ROLES: 'api,relay' } });
    const deadline = await inMs(300);
    const { event_id } = eventOf();
    await app.http.post('/event', eventOf({ event_id, deadline }));
    let ratio = 2;
    const late = await app.until(async () => {
      ratio += 1;
      const answer = await app.http.put('/event', { event_id, ratio });
      return answer.status === 409 ? answer : undefined;
    });
    expect(late.body).toMatchObject({ type: '/problems/event-closed' });
    expect((await app.http.get(`/event/${event_id}`)).body).toMatchObject({
      status: 'closed',
      deadline,
    });
  });
});

describe('the feed', () => {
  it('beats from one process at a time, with the number of the last change', async () => {
    const env = { ...ALONE, LINE_HEARTBEAT_MS: '300' };
    app = await bootApp({ env });
    await bootApp({ env: { ...env, ROLES: 'scheduler' }, beside: app });
    const letters = await app.watch(BEAT);
    await app.http.post('/event', [eventOf(), eventOf()]);
    const { incarnation } = await ask();
    await app.until(() => letters.all.length >= 5);
    const beats = letters.all
      .map(({ body }) => body as { at: string; feed_version: string; incarnation: string })
      .sort((one, next) => Date.parse(one.at) - Date.parse(next.at));
    beats.slice(1).forEach(({ at }, index) => {
      expect(Date.parse(at) - Date.parse(beats[index]!.at)).toBeGreaterThanOrEqual(299);
    });
    expect(beats.at(-1)).toMatchObject({ feed_version: '2', incarnation });
  });

  it('answers a snapshot page by page, of all or of some', async () => {
    app = await bootApp({ env: ALONE });
    expect(await ask()).toMatchObject({ items: [], next_cursor: null, feed_version: '0' });
    const ids = ['a', 'B', 'c', 'D', 'e'];
    await app.http.post(
      '/event',
      ids.map((event_id) => eventOf({ event_id })),
    );
    const first = await ask({ limit: 3 });
    const second = await ask({ limit: 3, cursor: first.next_cursor ?? '' });
    const read = [...first.items, ...second.items].map(({ event_id }) => event_id);
    expect([read, second.next_cursor]).toEqual([['B', 'D', 'a', 'c', 'e'], null]);
    expect(second.incarnation).toBe(first.incarnation);
    const some = await ask({ event_ids: ['c', 'unknown', 'a'] });
    expect(some.items.map(({ event_id }) => event_id)).toEqual(['a', 'c']);
    await expect(ask({ cursor: 'broken' })).rejects.toMatchObject({
      error: { code: 'invalid-query' },
    });
    await expect(ask({ limit: 1_001 })).rejects.toMatchObject({ error: { code: 'invalid-body' } });
  });

  it('takes new events and changes by message, too, and buries what is wrong', async () => {
    app = await bootApp({ env: ALONE });
    const letters = await app.watch(CHANGED);
    const { event_id } = eventOf();
    await app.send('line-provider', 'events/create', eventOf({ event_id }));
    await app.until(() => told(letters).length === 1);
    await app.send('line-provider', 'events/update', [{ event_id, ratio: 2.5 }]);
    await app.send('line-provider', `events/${event_id}/void`, {});
    await app.until(() => told(letters, 'voided').length === 1);
    const wrong = await app.send('line-provider', 'events/create', eventOf({ ratio: 1 }));
    expect((await app.deadLetters('line-provider').withId(wrong)).reason).toContain('ratio');
  });

  it('keeps its contracts, to the field', async () => {
    app = await bootApp({ env: { ...ALONE, LINE_HEARTBEAT_MS: '100' } });
    const letters = await app.watch('line-provider.#');
    const { event_id } = eventOf();
    await app.http.post('/event', eventOf({ event_id }));
    await app.http.post(`/event/${event_id}/result`, { outcome: 'won' });
    await app.until(() => letters.all.some(({ routingKey }) => routingKey === BEAT));
    await app.until(() => told(letters, 'resulted').length === 1);
    for (const { routingKey, body } of letters.all) {
      const { schema } = LINE_EVENT_CONTRACTS.find(({ type }) => type === routingKey)!;
      expect(schema.parse(body)).toEqual(body);
    }
  });
});
