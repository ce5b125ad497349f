import { randomUUID } from 'node:crypto';
import { DeadLetterStore } from '../../src/kernel/dead-letters/dead-letter.store.js';
import { COMMANDS_EXCHANGE } from '../../src/kernel/messaging/broker.js';
import { HEADER } from '../../src/kernel/messaging/message-headers.js';
import { type App, bootApp, BROKERS } from '../support/app.js';
import { deadLettersOf } from '../support/dead-letters.js';
import { problemIn } from '../support/http-client.js';
import { Probe, PROBE_TABLE, ProbeModule } from '../support/probe.module.js';

const UNKNOWN = '019aa3a4-5b6c-7d8e-9f00-112233445566';

describe.each(BROKERS)('dead letters on %s', (broker) => {
  let app: App;
  let probe: Probe;
  let letters: ReturnType<typeof deadLettersOf>;

  beforeAll(async () => {
    app = await bootApp({
      broker,
      modules: [ProbeModule],
      env: { MESSAGE_ATTEMPTS: '2' },
      shared: true,
    });
    await app.sql(PROBE_TABLE);
    probe = app.get(Probe);
    letters = deadLettersOf(app);
  });
  beforeEach(async () => {
    probe.calls.splice(0);
    probe.behave = () => Promise.resolve();
    await app.sql('delete from kernel.dead_letter');
  });
  afterAll(() => app.stop());

  it('tell the message, its reason and its attempts', async () => {
    const note = randomUUID();
    probe.behave = () => Promise.reject(new Error('the disk is on fire'));
    const before = Date.now();
    const id = await app.send('probe', 'effect', { note }, { correlationId: 'c-1' });
    const letter = await letters.letterOf(id);
    expect(letter).toMatchObject({
      queue: 'probe',
      message_id: id,
      exchange: COMMANDS_EXCHANGE,
      routing_key: 'probe',
      route: 'effect',
      reason: 'gave up after 2 attempts: Error: the disk is on fire',
      reason_class: 'Error',
      attempts: 2,
      deaths: 1,
      state: 'dead',
      redriven_at: null,
      content_type: 'application/json',
      correlation_id: 'c-1',
      reply_to: null,
      payload: {
        encoding: 'json',
        content: { note },
        bytes: Buffer.byteLength(JSON.stringify({ note })),
      },
    });
    expect(Date.parse(letter.died_at)).toBeGreaterThanOrEqual(before);
  });

  it.each([
    ['JSON', '{"a":[1]}', { encoding: 'json', content: { a: [1] } }],
    ['broken JSON', '{"a":', { encoding: 'text', content: '{"a":' }],
    ['text with NUL', 'a\0b', { encoding: 'text', content: 'a\0b' }],
    ['nothing', '', { encoding: 'text', content: '' }],
    ['bytes', Buffer.from([0, 255, 128]), { encoding: 'base64', content: 'AP+A' }],
  ])('show a payload of %s as what it is', async (_, given, shown) => {
    const payload = Buffer.from(given);
    const [id] = await letters.publish({ payload, contentType: 'image/x-any' });
    const letter = await letters.letterOf(id!);
    expect(letter.content_type).toBe('image/x-any');
    expect(letter.payload).toEqual({ ...shown, bytes: payload.length });
  });

  it('show the first MiB of a larger payload, and how large it is', async () => {
    const [id] = await letters.publish({ payload: Buffer.from(`"${'x'.repeat(2_000_000)}"`) });
    const { payload } = await letters.letterOf(id!);
    expect([payload.encoding, payload.bytes]).toEqual(['text', 2_000_002]);
    expect(payload.content).toBe(`"${'x'.repeat(1_048_575)}`);
  });

  it('hide secrets when they are shown, and keep them for the next life', async () => {
    const canary = 'canary-5f1c';
    const letter = await letters.brokenEffect(randomUUID(), {
      headers: { 'x-api-key': canary, Authorization: 'Bearer of-a-user', 'x-colour': 'red' },
    });
    const [withPassword] = await letters.publish({
      payload: Buffer.from(`{"password":"${canary}"}`),
    });
    const json = `{"password":"${canary}","more":"`;
    const [tooLarge, broken] = await letters.publish(
      { payload: Buffer.from(`${json}${'x'.repeat(2_000_000)}"}`) },
      { payload: Buffer.concat([Buffer.from(json), Buffer.from([255]), Buffer.from('"}')]) },
    );
    const ids = [withPassword!, tooLarge!, broken!];
    const shown = [letter, await letters.list()];
    for (const id of ids) shown.push(await letters.letterOf(id));
    expect(letter.headers).toMatchObject({ 'x-api-key': '[redacted]', 'x-colour': 'red' });
    expect(JSON.stringify(shown)).not.toContain(canary);
    const rows = await app.sql<{ headers: string }>('select headers from kernel.dead_letter');
    const stored = rows.map(({ headers }) => headers).join();
    expect(stored).toContain(canary);
    expect(stored).not.toContain('of-a-user'); // a token is not kept at all
  });

  it('are filtered, and paged from the latest death on', async () => {
    const ids = await letters.publish(
      { headers: { [HEADER.route]: 'effects' } },
      { headers: { [HEADER.route]: 'effect' }, payload: Buffer.from('{') },
      {},
      { headers: { [HEADER.route]: 'effects' } },
    );
    for (const id of ids) await letters.dead.withId(id);
    const all = (await letters.list()).items;
    const places = all.map((letter) => `${letter.died_at} ${letter.id}`);
    expect(places).toEqual([...places].sort().reverse());
    const first = await letters.list('limit=3');
    const second = await letters.list(`limit=3&cursor=${first.next_cursor!}`);
    expect([...first.items, ...second.items]).toEqual(all);
    expect(second.next_cursor).toBeNull();
    const found = async (query: string) =>
      (await letters.list(query)).items.map((letter) => letter.message_id).sort();
    expect(await found('route=effects')).toEqual([ids[0], ids[3]].sort());
    expect(await found('reason=NOT%20json')).toEqual([ids[1]]);
    expect(await found('queue=probe&state=dead')).toEqual([...ids].sort());
    expect(await found('queue=other')).toEqual([]);
    expect(await found('state=redriven')).toEqual([]);
    expect(await found('reason=%00')).toEqual([]);
    const { died_at: last } = all[0]!;
    expect(await found(`died_after=${last}`)).toEqual([]);
    const earlier = all.filter((letter) => letter.died_at < last).map((one) => one.message_id);
    expect(await found(`died_before=${last}`)).toEqual(earlier.sort());
    const { body } = await app.http.get('/dead-letters/summary');
    expect(body).toEqual({
      total: 4,
      items: [
        expect.objectContaining({
          queue: 'probe',
          reason_class: 'UnreadableMessageError',
          count: 4,
        }),
      ],
    });
  });

  it.each([
    ['an unknown id', `/dead-letters/${UNKNOWN}`, 404],
    ['an id that is no UUID', '/dead-letters/seventeen', 400],
    ['a broken cursor', '/dead-letters?cursor=broken', 400],
    ['an unknown state', '/dead-letters?state=gone', 400],
    ['an instant that is none', '/dead-letters?died_after=yesterday', 400],
  ])('are refused for %s', async (_, path, status) => {
    expect(problemIn(await app.http.get(path)).status).toBe(status);
  });

  it('are gone when they are discarded', async () => {
    const letter = await letters.brokenEffect(randomUUID());
    expect((await app.http.delete(`/dead-letters/${letter.id}`)).status).toBe(204);
    expect(problemIn(await app.http.delete(`/dead-letters/${letter.id}`)).status).toBe(404);
    expect((await letters.list()).items).toEqual([]);
  });

  it('are all stored, whatever texts they hold', async () => {
    const ids = await letters.publish(
      { headers: { 'x-null\0': 'a\0b', [HEADER.route]: 'effect\0' }, payload: Buffer.from('a\0') },
      { correlationId: 'c\0', replyTo: 'r\0', contentType: 't\0' },
      { id: `id-\0-${randomUUID()}` },
      { id: `id-\\-${randomUUID()}`, payload: Buffer.from([0xff, 0xfe]) },
      {
        headers: {
          big: 'x'.repeat(broker === 'rabbitmq' ? 60_000 : 1_000_000),
          [HEADER.attempt]: String(Number.MAX_SAFE_INTEGER),
        },
      },
      {},
    );
    await app.until(async () => (await letters.list()).items.length === ids.length);
    await app.settle();
    expect((await letters.list()).items.map((letter) => letter.state)).toEqual(
      ids.map(() => 'dead'),
    );
  });

  it('are stored once each by several processes', async () => {
    const other = await bootApp({
      beside: app,
      modules: [ProbeModule],
      env: { ROLES: 'scheduler' },
    });
    const ids = await letters.publish(...Array.from({ length: 150 }, () => ({})));
    await app.until(async () => (await letters.dead.ids()).length === ids.length);
    await app.settle();
    expect((await letters.dead.ids()).sort()).toEqual([...ids].sort());
    await other.stop();
  });

  it('are stored beside one that Postgres refuses, which is not lost', async () => {
    const bad = randomUUID();
    await app.sql(
      `alter table kernel.dead_letter add constraint refused check (message_id <> '${bad}') not valid`,
    );
    const ids = await letters.publish({}, { id: bad }, {}, {});
    const good = ids.filter((id) => id !== bad);
    for (const id of good) await letters.dead.withId(id);
    expect((await letters.dead.ids()).sort()).toEqual([...good].sort());
    await app.sql('alter table kernel.dead_letter drop constraint refused');
  });

  it('are counted by queue', async () => {
    const letter = await letters.brokenEffect(randomUUID());
    await letters.redrive(letter.id);
    await app.settle();
    const stored = await letters.brokenEffect(randomUUID());
    const { body } = await app.http.get<string>('/metrics');
    expect(stored.state).toBe('dead');
    expect(body).toMatch(/^dead_letters\{queue="probe"\} \d+$/m);
    expect(body).toMatch(/^dead_letters_stored_total\{queue="probe"\} [1-9]\d*$/m);
    expect(body).toMatch(/^dead_letters_redriven_total\{queue="probe"\} [1-9]\d*$/m);
  });

  it('are forgotten after the days of their retention', async () => {
    const [old, young] = [
      await letters.brokenEffect(randomUUID()),
      await letters.brokenEffect(randomUUID()),
    ];
    await app.sql(
      `update kernel.dead_letter set died_at = now() - interval '31 days' where id = $1`,
      [old.id],
    );
    expect(await app.get(DeadLetterStore).purge(30, 100)).toBe(1);
    expect((await letters.list()).items.map(({ id }) => id)).toEqual([young.id]);
  });
});
