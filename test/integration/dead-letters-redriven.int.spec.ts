import { randomUUID } from 'node:crypto';
import { EVENTS_EXCHANGE } from '../../src/kernel/messaging/broker.js';
import { HEADER } from '../../src/kernel/messaging/message-headers.js';
import { type App, BROKERS } from '../support/app.js';
import { bootProbe, type deadLettersOf } from '../support/dead-letters.js';
import { problemIn } from '../support/http-client.js';
import { type Probe, TRAINED } from '../support/probe.module.js';

const UNKNOWN = '019aa3a4-5b6c-7d8e-9f00-112233445566';

describe.each(BROKERS)('dead letters that are redriven on %s', (broker) => {
  let app: App;
  let probe: Probe;
  let letters: ReturnType<typeof deadLettersOf>;

  beforeAll(async () => {
    ({ app, probe, letters } = await bootProbe(broker));
  });
  beforeEach(async () => {
    probe.reset();
    await app.sql('delete from kernel.dead_letter');
  });
  afterAll(() => app.stop());

  it('are handled once, with their id, their bytes and the first attempt, however often it is asked', async () => {
    const note = randomUUID();
    const letter = await letters.brokenEffect(note, { correlationId: 'c-2' });
    await letters.mend(letter, note);
    const answers = await Promise.all([letters.redrive(letter.id), letters.redrive(letter.id)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    const again = problemIn(await letters.redrive(letter.id));
    expect(again).toMatchObject({
      status: 409,
      detail: expect.stringContaining(letter.id) as string,
    });
    await app.until(async () => (await letters.effects(note)) === 1);
    await app.settle();
    expect([await letters.effects(note), probe.notes()]).toEqual([1, [note]]);
    expect(await letters.letterOf(letter.message_id)).toMatchObject({
      state: 'redriven',
      deaths: 1,
    });
  });

  it('have one effect when they are sent again after it', async () => {
    const note = randomUUID();
    const letter = await letters.brokenEffect(note);
    await letters.mend(letter, note);
    await letters.redrive(letter.id);
    await app.until(async () => (await letters.effects(note)) === 1);
    await app.sql(`update kernel.dead_letter set state = 'dead' where id = $1`, [letter.id]);
    expect((await letters.redrive(letter.id)).status).toBe(200);
    await app.settle();
    expect([await letters.effects(note), probe.notes()]).toEqual([1, [note]]);
  });

  it('die again as the same letter, with one death more, and begin each life with the first attempt', async () => {
    const note = randomUUID();
    const letter = await letters.brokenEffect(note);
    await letters.mend(letter, note);
    probe.behave = (_, calls) =>
      calls <= 3 ? Promise.reject(new Error('still on fire')) : Promise.resolve();
    await letters.redrive(letter.id);
    const again = await letters.letterOf(letter.message_id, 2);
    expect(again).toMatchObject({
      id: letter.id,
      deaths: 2,
      state: 'dead',
      redriven_at: null,
      attempts: 2,
      reason: 'gave up after 2 attempts: Error: still on fire',
    });
    expect(again.died_at > letter.died_at).toBe(true);
    expect((await letters.redrive(letter.id)).status).toBe(200);
    await app.until(async () => (await letters.effects(note)) === 1); // in its second attempt
    expect(probe.notes()).toHaveLength(4);
  });

  it('go to the queue they died in only, by the address they came with', async () => {
    const heard = await app.watch(TRAINED);
    const [id] = await letters.publish({
      exchange: EVENTS_EXCHANGE,
      routingKey: TRAINED,
      contentType: 'text/plain',
      headers: { [HEADER.route]: 'no-such-route', 'x-colour': 'red' },
      payload: Buffer.from('plain'),
    });
    const letter = await letters.letterOf(id!);
    expect(letter).toMatchObject({ exchange: EVENTS_EXCHANGE, routing_key: TRAINED });
    await heard.withId(id!);
    const before = heard.all.length;
    const headers = JSON.stringify({ 'x-colour': 'red' }); // without its route the type leads on
    await app.sql('update kernel.dead_letter set headers = $2 where id = $1', [letter.id, headers]);
    await letters.redrive(letter.id);
    await app.until(() => probe.of('hear').length === 1);
    expect(probe.of('hear')[0]!.args).toEqual(['plain']);
    await app.settle();
    expect(heard.all).toHaveLength(before);
  });

  it('stay dead when the outbox does not take them', async () => {
    const letter = await letters.brokenEffect(randomUUID());
    await app.sql(
      `alter table kernel.outbox add constraint refused check (routing_key <> 'probe')`,
    );
    expect(problemIn(await letters.redrive(letter.id)).status).toBeGreaterThanOrEqual(400);
    expect(
      problemIn(await app.http.post('/dead-letters/redrive', {})).status,
    ).toBeGreaterThanOrEqual(400);
    await app.sql('alter table kernel.outbox drop constraint refused');
    expect((await letters.list()).items).toMatchObject([{ id: letter.id, state: 'dead' }]);
    expect((await letters.redrive(letter.id)).status).toBe(200);
    await letters.letterOf(letter.message_id, 2);
  });

  it('replay the first answer to the same Idempotency-Key', async () => {
    const note = randomUUID();
    const letter = await letters.brokenEffect(note);
    await letters.mend(letter, note);
    const ask = () =>
      app.http.post(`/dead-letters/${letter.id}/redrive`, undefined, { 'idempotency-key': note });
    const [first, second] = [await ask(), await ask()];
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(second.body).toEqual(first.body);
  });

  it('are parked like any unroutable command when their queue is gone', async () => {
    const letter = await letters.brokenEffect(randomUUID());
    await app.sql(`update kernel.dead_letter set queue = 'gone' where id = $1`, [letter.id]);
    expect((await letters.redrive(letter.id)).status).toBe(200);
    const parked = await app.until(
      async () => (await app.sql<{ error: string }>('select error from kernel.parked_message'))[0],
    );
    expect(parked.error).toContain('unroutable');
    await app.sql('delete from kernel.parked_message');
  });

  it('in bulk are those of the filter, in chunks, after a dry run that changes nothing', async () => {
    const notes = Array.from({ length: 1_200 }, () => randomUUID());
    const ids = await letters.publish(
      ...notes.map((note) => ({
        headers: { [HEADER.route]: 'effect' },
        payload: Buffer.from(JSON.stringify({ note: 17, mended: note })),
      })),
    );
    const [other] = await letters.publish({ headers: { [HEADER.route]: 'effects' } });
    await app.until(async () => (await letters.redriveAll({ dry_run: true })).matched === 1_201);
    await letters.dead.withId(other!);
    await app.sql(`update kernel.dead_letter set payload = convert_to(json_build_object(
      'note', convert_from(payload, 'UTF8')::json ->> 'mended')::text, 'UTF8') where route = 'effect'`);
    const filter = { queue: 'probe', route: 'effect', reason: 'note' };
    const dry = await letters.redriveAll({ filter, dry_run: true });
    expect(dry).toEqual({ matched: 1_200, dry_run: true, sample: expect.any(Array) as string[] });
    expect(new Set(dry.sample).size).toBe(10);
    expect((await letters.list('state=redriven')).items).toEqual([]);
    expect(await letters.redriveAll({ filter, limit: 700 })).toEqual({
      matched: 1_200,
      redriven: 700,
      remaining: 500,
    });
    expect(await letters.redriveAll({ filter })).toEqual({
      matched: 500,
      redriven: 500,
      remaining: 0,
    });
    expect(await letters.redriveAll({ filter })).toEqual({ matched: 0, redriven: 0, remaining: 0 });
    await app.until(() => probe.notes().length === ids.length);
    await app.settle();
    expect([...probe.notes()].sort()).toEqual([...notes].sort());
    expect((await letters.list('state=dead')).items.map((letter) => letter.message_id)).toEqual([
      other,
    ]);
  });

  it.each([
    ['an unknown filter', { filter: { colour: 'red' } }, 'filter.colour'],
    ['a limit of none', { limit: 0 }, 'limit'],
  ])('in bulk are refused for %s', async (_, body, field) => {
    const problem = problemIn(await app.http.post('/dead-letters/redrive', body));
    expect([problem.status, problem.errors?.[0]?.field]).toEqual([422, field]);
  });

  it('are refused for an unknown id', async () => {
    expect(problemIn(await letters.redrive(UNKNOWN)).status).toBe(404);
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
    await letters.publish(same, same);
    const letter = await letters.letterOf(id);
    await letters.publish(same);
    await app.settle();
    await letters.redrive(letter.id);
    await app.until(async () => (await letters.effects(note)) === 1);
    await letters.publish(same);
    await app.settle();
    expect((await letters.list()).items).toHaveLength(1);
    expect(await letters.letterOf(id)).toMatchObject({
      id: letter.id,
      state: 'redriven',
      deaths: 1,
    });
    expect(probe.notes()).toEqual([note]);
  });
});
