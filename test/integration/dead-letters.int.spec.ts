import { randomUUID } from 'node:crypto';
import { connect, type GetMessage } from 'amqplib';
import { DeadLetterCollector } from '../../src/kernel/dead-letters/dead-letter-collector.js';
import { DeadLetterStore } from '../../src/kernel/dead-letters/dead-letter.store.js';
import {
  type BrokerMessage,
  COMMANDS_EXCHANGE,
  EVENTS_EXCHANGE,
} from '../../src/kernel/messaging/broker.js';
import { HEADER } from '../../src/kernel/messaging/message-headers.js';
import { tcpProxy } from '../contract/tcp-proxy.js';
import { type App, bootApp, BROKERS } from '../support/app.js';
import { problemIn } from '../support/http-client.js';
import type { DeadLetterBody, DeadLetters } from '../support/letters.js';
import { Probe, PROBE_TABLE, ProbeModule, TRAINED } from '../support/probe.module.js';

interface Redriven {
  readonly matched: number;
  readonly redriven?: number;
  readonly remaining?: number;
  readonly sample?: string[];
}

const UNKNOWN = '019aa3a4-5b6c-7d8e-9f00-112233445566';

describe.each(BROKERS)('dead letters on %s', (broker) => {
  let app: App;
  let probe: Probe;
  let dead: DeadLetters;

  beforeAll(async () => {
    app = await bootApp({
      broker,
      modules: [ProbeModule],
      env: { MESSAGE_ATTEMPTS: '2' },
      shared: true,
    });
    await app.sql(PROBE_TABLE);
    probe = app.get(Probe);
    dead = app.deadLetters('probe');
  });
  beforeEach(async () => {
    probe.calls.splice(0);
    probe.behave = () => Promise.resolve();
    await app.sql('delete from kernel.dead_letter');
  });
  afterAll(() => app.stop());

  const list = async (query = '') =>
    (
      await app.http.get<{ items: DeadLetterBody[]; next_cursor: string | null }>(
        `/dead-letters?${query}`,
      )
    ).body;
  const letterOf = async (messageId: string, deaths = 1) => {
    await dead.withId(messageId, deaths);
    const [letter] = (await list(`message_id=${encodeURIComponent(messageId)}`)).items;
    return (await app.http.get<DeadLetterBody>(`/dead-letters/${letter!.id}`)).body;
  };
  const redrive = (id: string) => app.http.post<DeadLetterBody>(`/dead-letters/${id}/redrive`);
  const redriveAll = async (body: object) =>
    (await app.http.post<Redriven>('/dead-letters/redrive', body)).body;
  const effects = async (note: string) =>
    (await app.sql('select 1 from kernel.probe_effect where note = $1', [note])).length;
  const publish = async (...messages: Partial<BrokerMessage>[]) => {
    const sent = messages.map(
      (message) =>
        ({
          id: randomUUID(),
          exchange: COMMANDS_EXCHANGE,
          routingKey: 'probe',
          headers: {},
          contentType: 'application/json',
          payload: Buffer.from('{}'),
          ...message,
        }) as const,
    );
    expect(await app.broker.publish(sent)).toEqual(sent.map(() => undefined));
    return sent.map(({ id }) => id);
  };
  /** Dies at its first attempt, unless it is mended. */
  const brokenEffect = async (note: string, more?: Partial<BrokerMessage>) => {
    const id = await app.send('probe', 'effect', { note: 17, mended: note }, more);
    return letterOf(id);
  };
  /** The next life of the letter has a payload that the handler takes. */
  const mend = (letter: DeadLetterBody, note: string) =>
    app.sql('update kernel.dead_letter set payload = $2 where id = $1', [
      letter.id,
      Buffer.from(JSON.stringify({ note })),
    ]);

  it('tell the message, its reason and its attempts', async () => {
    const note = randomUUID();
    probe.behave = () => Promise.reject(new Error('the disk is on fire'));
    const before = Date.now();
    const id = await app.send('probe', 'effect', { note }, { correlationId: 'c-1' });
    const letter = await letterOf(id);
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
    ['JSON', Buffer.from('{"a":[1]}'), 'application/json', 'json', { a: [1] }],
    ['text', Buffer.from('{"a":'), 'application/json', 'text', '{"a":'],
    ['text with NUL', Buffer.from('a\0b'), 'text/plain', 'text', 'a\0b'],
    ['nothing', Buffer.alloc(0), 'application/json', 'text', ''],
    ['bytes', Buffer.from([0, 255, 128]), 'image/png', 'base64', 'AP+A'],
  ])('show a payload of %s as what it is', async (_, payload, contentType, encoding, content) => {
    const [id] = await publish({ payload, contentType });
    const letter = await letterOf(id!);
    expect(letter.content_type).toBe(contentType);
    expect(letter.payload).toEqual({ encoding, content, bytes: payload.length });
  });

  it('show the first MiB of a larger payload, and how large it is', async () => {
    const [id] = await publish({ payload: Buffer.from(`"${'x'.repeat(2_000_000)}"`) });
    const { payload } = await letterOf(id!);
    expect([payload.encoding, payload.bytes]).toEqual(['base64', 2_000_002]);
    expect(Buffer.from(payload.content as string, 'base64')).toHaveLength(1_048_576);
  });

  it('hide secrets when they are shown, and keep them for the next life', async () => {
    const canary = 'canary-5f1c';
    const letter = await brokenEffect(randomUUID(), {
      headers: { authorization: `Bearer ${canary}`, 'x-colour': 'red' },
    });
    const [withPassword] = await publish({ payload: Buffer.from(`{"password":"${canary}"}`) });
    const shown = [letter, await letterOf(withPassword!), await list()];
    expect(letter.headers).toMatchObject({ authorization: '[redacted]', 'x-colour': 'red' });
    expect(JSON.stringify(shown)).not.toContain(canary);
    const rows = await app.sql<{ headers: string }>('select headers from kernel.dead_letter');
    expect(rows.map(({ headers }) => headers).join()).toContain(canary);
  });

  it('are filtered, and paged from the latest death on', async () => {
    const ids = await publish(
      { headers: { [HEADER.route]: 'effects' } },
      { headers: { [HEADER.route]: 'effect' }, payload: Buffer.from('{') },
      {},
      { headers: { [HEADER.route]: 'effects' } },
    );
    for (const id of ids) await dead.withId(id);
    const all = (await list()).items;
    const places = all.map((letter) => `${letter.died_at} ${letter.id}`);
    expect(places).toEqual([...places].sort().reverse());
    const first = await list('limit=3');
    const second = await list(`limit=3&cursor=${first.next_cursor!}`);
    expect([...first.items, ...second.items]).toEqual(all);
    expect(second.next_cursor).toBeNull();
    const found = async (query: string) =>
      (await list(query)).items.map((letter) => letter.message_id).sort();
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

  describe('redriven', () => {
    it('are handled once, with their id, their bytes and the first attempt, however often it is asked', async () => {
      const note = randomUUID();
      const letter = await brokenEffect(note, { correlationId: 'c-2' });
      await mend(letter, note);
      const answers = await Promise.all([redrive(letter.id), redrive(letter.id)]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
      const again = problemIn(await redrive(letter.id));
      expect(again).toMatchObject({
        status: 409,
        detail: expect.stringContaining(letter.id) as string,
      });
      await app.until(async () => (await effects(note)) === 1);
      await app.settle();
      expect([await effects(note), probe.notes()]).toEqual([1, [note]]);
      expect(await letterOf(letter.message_id)).toMatchObject({ state: 'redriven', deaths: 1 });
    });

    it('have one effect when they are sent again after it', async () => {
      const note = randomUUID();
      const letter = await brokenEffect(note);
      await mend(letter, note);
      await redrive(letter.id);
      await app.until(async () => (await effects(note)) === 1);
      await app.sql(`update kernel.dead_letter set state = 'dead' where id = $1`, [letter.id]);
      expect((await redrive(letter.id)).status).toBe(200);
      await app.settle();
      expect([await effects(note), probe.notes()]).toEqual([1, [note]]);
    });

    it('die again as the same letter, with one death more and another reason', async () => {
      const note = randomUUID();
      const letter = await brokenEffect(note);
      await mend(letter, note);
      probe.behave = () => Promise.reject(new Error('still on fire'));
      await redrive(letter.id);
      const again = await letterOf(letter.message_id, 2);
      expect(again).toMatchObject({
        id: letter.id,
        deaths: 2,
        state: 'dead',
        redriven_at: null,
        attempts: 2,
        reason: 'gave up after 2 attempts: Error: still on fire',
      });
      expect(again.died_at > letter.died_at).toBe(true);
      probe.behave = () => Promise.resolve();
      expect((await redrive(letter.id)).status).toBe(200);
      await app.until(async () => (await effects(note)) === 1);
    });

    it('go to the queue they died in only, by the address they came with', async () => {
      const heard = await app.watch(TRAINED);
      const [id] = await publish({
        exchange: EVENTS_EXCHANGE,
        routingKey: TRAINED,
        contentType: 'text/plain',
        headers: { [HEADER.route]: 'no-such-route', 'x-colour': 'red' },
        payload: Buffer.from('plain'),
      });
      const letter = await letterOf(id!);
      expect(letter).toMatchObject({ exchange: EVENTS_EXCHANGE, routing_key: TRAINED });
      await heard.withId(id!);
      const before = heard.all.length;
      const headers = JSON.stringify({ 'x-colour': 'red' }); // without its route the type leads on
      await app.sql('update kernel.dead_letter set headers = $2 where id = $1', [
        letter.id,
        headers,
      ]);
      await redrive(letter.id);
      await app.until(() => probe.of('hear').length === 1);
      expect(probe.of('hear')[0]!.args).toEqual(['plain']);
      await app.settle();
      expect(heard.all).toHaveLength(before);
    });

    it('replay the first answer to the same Idempotency-Key', async () => {
      const note = randomUUID();
      const letter = await brokenEffect(note);
      await mend(letter, note);
      const ask = () =>
        app.http.post(`/dead-letters/${letter.id}/redrive`, undefined, { 'idempotency-key': note });
      const [first, second] = [await ask(), await ask()];
      expect([first.status, second.status]).toEqual([200, 200]);
      expect(second.body).toEqual(first.body);
    });

    it('are parked like any unroutable command when their queue is gone', async () => {
      const letter = await brokenEffect(randomUUID());
      await app.sql(`update kernel.dead_letter set queue = 'gone' where id = $1`, [letter.id]);
      expect((await redrive(letter.id)).status).toBe(200);
      const parked = await app.until(
        async () =>
          (await app.sql<{ error: string }>('select error from kernel.parked_message'))[0],
      );
      expect(parked.error).toContain('unroutable');
      await app.sql('delete from kernel.parked_message');
    });

    it('in bulk are those of the filter, in chunks, after a dry run that changes nothing', async () => {
      const notes = Array.from({ length: 1_200 }, () => randomUUID());
      const ids = await publish(
        ...notes.map((note) => ({
          headers: { [HEADER.route]: 'effect' },
          payload: Buffer.from(JSON.stringify({ note: 17, mended: note })),
        })),
      );
      const [other] = await publish({ headers: { [HEADER.route]: 'effects' } });
      await app.until(async () => (await redriveAll({ dry_run: true })).matched === 1_201);
      await dead.withId(other!);
      await app.sql(`update kernel.dead_letter set payload = convert_to(json_build_object(
        'note', convert_from(payload, 'UTF8')::json ->> 'mended')::text, 'UTF8') where route = 'effect'`);
      const filter = { queue: 'probe', route: 'effect', reason: 'note' };
      const dry = await redriveAll({ filter, dry_run: true });
      expect(dry).toEqual({ matched: 1_200, dry_run: true, sample: expect.any(Array) as string[] });
      expect(new Set(dry.sample).size).toBe(10);
      expect((await list('state=redriven')).items).toEqual([]);
      expect(await redriveAll({ filter, limit: 700 })).toEqual({
        matched: 1_200,
        redriven: 700,
        remaining: 500,
      });
      expect(await redriveAll({ filter })).toEqual({ matched: 500, redriven: 500, remaining: 0 });
      expect(await redriveAll({ filter })).toEqual({ matched: 0, redriven: 0, remaining: 0 });
      await app.until(() => probe.notes().length === ids.length);
      await app.settle();
      expect([...probe.notes()].sort()).toEqual([...notes].sort());
      expect((await list('state=dead')).items.map((letter) => letter.message_id)).toEqual([other]);
    });

    it.each([
      ['an unknown filter', { filter: { colour: 'red' } }, 'filter.colour'],
      ['a limit of none', { limit: 0 }, 'limit'],
    ])('in bulk are refused for %s', async (_, body, field) => {
      const problem = problemIn(await app.http.post('/dead-letters/redrive', body));
      expect([problem.status, problem.errors?.[0]?.field]).toEqual([422, field]);
    });

    it('are refused for an unknown id', async () => {
      expect(problemIn(await redrive(UNKNOWN)).status).toBe(404);
    });
  });

  it('are gone when they are discarded', async () => {
    const letter = await brokenEffect(randomUUID());
    expect((await app.http.delete(`/dead-letters/${letter.id}`)).status).toBe(204);
    expect(problemIn(await app.http.delete(`/dead-letters/${letter.id}`)).status).toBe(404);
    expect((await list()).items).toEqual([]);
  });

  it('are one row when the same death is brought again, before a redrive and after it', async () => {
    const note = randomUUID();
    const id = randomUUID();
    const diedAt = new Date(Date.now() - 60_000).toISOString();
    const same = {
      id,
      toQueue: 'probe.dlq',
      headers: { [HEADER.route]: 'effect', [HEADER.error]: 'why', [HEADER.diedAt]: diedAt },
      payload: Buffer.from(JSON.stringify({ note })),
    };
    await publish(same, same);
    const letter = await letterOf(id);
    await publish(same);
    await app.settle();
    await redrive(letter.id);
    await app.until(async () => (await effects(note)) === 1);
    await publish(same);
    await app.settle();
    expect((await list()).items).toHaveLength(1);
    expect(await letterOf(id)).toMatchObject({ id: letter.id, state: 'redriven', deaths: 1 });
    expect(probe.notes()).toEqual([note]);
  });

  it('are all stored, whatever texts they hold', async () => {
    const ids = await publish(
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
    await app.until(async () => (await list()).items.length === ids.length);
    await app.settle();
    expect((await list()).items.map((letter) => letter.state)).toEqual(ids.map(() => 'dead'));
  });

  it('are stored beside one that Postgres refuses, which is not lost', async () => {
    const bad = randomUUID();
    await app.sql(
      `alter table kernel.dead_letter add constraint refused check (message_id <> '${bad}') not valid`,
    );
    const ids = await publish({}, { id: bad }, {}, {});
    const good = ids.filter((id) => id !== bad);
    for (const id of good) await dead.withId(id);
    expect((await dead.ids()).sort()).toEqual([...good].sort());
    await app.sql('alter table kernel.dead_letter drop constraint refused');
  });

  it('are counted by queue', async () => {
    const letter = await brokenEffect(randomUUID());
    await redrive(letter.id);
    await app.settle();
    const stored = await brokenEffect(randomUUID());
    const { body } = await app.http.get<string>('/metrics');
    expect(stored.state).toBe('dead');
    expect(body).toMatch(/^dead_letters\{queue="probe"\} \d+$/m);
    expect(body).toMatch(/^dead_letters_stored_total\{queue="probe"\} [1-9]\d*$/m);
    expect(body).toMatch(/^dead_letters_redriven_total\{queue="probe"\} [1-9]\d*$/m);
  });

  it('are forgotten after the days of their retention', async () => {
    const [old, young] = [await brokenEffect(randomUUID()), await brokenEffect(randomUUID())];
    await app.sql(
      `update kernel.dead_letter set died_at = now() - interval '31 days' where id = $1`,
      [old.id],
    );
    expect(await app.get(DeadLetterStore).purge(30, 100)).toBe(1);
    expect((await list()).items.map(({ id }) => id)).toEqual([young.id]);
  });
});

describe('dead letters on rabbitmq', () => {
  it('have the broker’s reason when it gave up a message that kills its consumers', async () => {
    const app = await bootApp({
      broker: 'rabbitmq',
      modules: [ProbeModule],
      env: { ROLES: 'api,relay,scheduler' },
    });
    const id = await app.send('probe', 'effect', { note: 'poison' });
    const connection = await connect(app.amqpUrl!);
    for (let held: GetMessage | false | undefined; held !== false;) {
      const consumer = await connection.createChannel();
      held = await consumer.get('probe');
      await consumer.close(); // unsettled, as by a crash
    }
    await connection.close();
    const dead = app.deadLetters('probe');
    const letter = await dead.withId(id);
    expect(letter).toMatchObject({
      routingKey: 'probe',
      reason: 'given up by the broker: delivery_limit',
      body: { note: 'poison' },
    });
    const { body } = await app.http.post<Redriven>('/dead-letters/redrive', {
      filter: { reason: 'delivery_limit' },
    });
    expect(body).toMatchObject({ redriven: 1 });
    await app.until(async () => (await app.broker.depth('probe')) === 1);
  });

  it('without an id are kept, also when their headers leave no room for one', async () => {
    const app = await bootApp({ broker: 'rabbitmq', modules: [ProbeModule] });
    const connection = await connect(app.amqpUrl!);
    const channel = await connection.createConfirmChannel();
    const send = (length: number): boolean => {
      try {
        const headers = { route: 'effects', big: 'x'.repeat(length) };
        return channel.sendToQueue('probe', Buffer.from('{}'), { headers });
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        return send(length - 1);
      }
    };
    send(66_000);
    await channel.waitForConfirms();
    await connection.close();
    const id = await app.until(async () => (await app.deadLetters('probe').ids())[0]);
    const letter = await app.deadLetters('probe').withId(id);
    expect(letter.reason).toBe('given up by the broker: rejected');
    expect(letter.headers['big']!.length).toBeGreaterThan(60_000);
  });

  it('wait in their queue while Postgres is away', async () => {
    const ground = await bootApp({
      broker: 'rabbitmq',
      modules: [ProbeModule],
      env: { ROLES: 'api' },
    });
    const server = new URL(ground.databaseUrl);
    const target = { host: server.hostname, port: Number(server.port) };
    const line = await tcpProxy(target);
    server.port = String(line.port);
    const collecting = await bootApp({
      beside: ground,
      modules: [ProbeModule],
      env: { DATABASE_URL: server.href, ROLES: 'scheduler' },
    });
    await line.close();
    const collector = collecting.get(DeadLetterCollector);
    const ids = Array.from({ length: 50 }, () => randomUUID());
    const letters = ids.map(
      (id) =>
        ({
          id,
          toQueue: 'probe.dlq',
          exchange: COMMANDS_EXCHANGE,
          routingKey: 'probe',
          headers: {},
          contentType: 'application/json',
          payload: Buffer.from('{}'),
        }) as const,
    );
    expect(await ground.broker.publish(letters)).toEqual(ids.map(() => undefined));
    await ground.until(() => collector.atHand === ids.length);
    const again = await tcpProxy(target, line.port);
    await ground.until(() => collector.atHand === 0);
    expect((await ground.deadLetters('probe').ids()).sort()).toEqual([...ids].sort());
    await collecting.stop();
    await again.close();
  });
});
