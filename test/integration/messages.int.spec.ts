import { randomUUID } from 'node:crypto';
import { EVENTS_EXCHANGE, type BrokerMessage } from '../../src/kernel/messaging/broker.js';
import { HEADER } from '../../src/kernel/messaging/message-headers.js';
import { DeadLetter, RetryLater, Skip } from '../../src/kernel/messaging/settlement.js';
import { type App, BROKERS } from '../support/app.js';
import { bootProbe, probeMessage } from '../support/dead-letters.js';
import { problemIn } from '../support/http-client.js';
import { type DeadLetters, Letters } from '../support/letters.js';
import { type Probe, TRAINED } from '../support/probe.module.js';
import { eventually } from '../support/until.js';

describe.each(BROKERS)('a message on %s', (broker) => {
  let app: App;
  let probe: Probe;
  let dead: DeadLetters;

  beforeAll(async () => {
    ({ app, probe } = await bootProbe(broker));
    dead = app.deadLetters('probe');
    await app.watch(TRAINED);
  });
  beforeEach(() => {
    probe.reset();
  });
  afterAll(() => app.stop());

  const effects = async (note: string) =>
    (await app.sql('select 1 from kernel.probe_effect where note = $1', [note])).length;
  const handled = (note: string) => app.until(() => probe.notes().includes(note));
  const effectOf = (note: string, more?: Partial<BrokerMessage>) =>
    app.send('probe', 'effect', { note }, more);
  const publish = async (message: Partial<BrokerMessage>) => {
    const sent = probeMessage(message);
    expect(await app.broker.publish([sent])).toEqual([undefined]);
    return sent.id;
  };
  /** A message that comes after the others and is handled at once. */
  const expectTheQueueToFlow = async () => {
    const note = randomUUID();
    await effectOf(note);
    await handled(note);
  };

  describe('that meets a method with two doors', () => {
    it('is read by the same parameters and pipes as a request', async () => {
      const headers = { 'x-colour': 'red' };
      const answer = await app.http.post('/probe/17/train', { epochs: 3 }, headers);
      expect([answer.status, answer.body]).toEqual([201, { id: 17, epochs: 3 }]);
      await app.send('probe', '17/train', { epochs: 3 }, { headers });
      await app.until(() => probe.of('train').length === 2);
      expect(probe.of('train').map((call) => call.args)).toEqual([
        [17, { epochs: 3 }, 'red'],
        [17, { epochs: 3 }, 'red'],
      ]);
    });

    it.each([
      {
        why: 'a parameter that is no number',
        route: 'x/train',
        body: { epochs: 3 },
        status: 400,
        says: 'numeric string',
      },
      {
        why: 'a body that breaks its schema',
        route: '17/train',
        body: { epochs: 0 },
        status: 422,
        says: 'epochs',
      },
      { why: 'no body', route: '17/train', body: undefined, status: 400, says: 'body' },
      {
        why: 'a guard that says no',
        route: '17/train',
        body: { epochs: 3 },
        headers: { 'x-deny': '1' },
        status: 403,
        says: 'Forbidden',
      },
    ])('is refused as a request would be: $why', async (given) => {
      const { route, body, headers = {}, status, says } = given;
      const answer = await app.http.post(`/probe/${route}`, body, headers);
      expect(problemIn(answer).status).toBe(status);
      const id = await app.send('probe', route, body ?? Buffer.from(''), { headers });
      expect((await dead.withId(id)).reason).toContain(says);
      expect(probe.of('train')).toEqual([]);
      await expectTheQueueToFlow();
    });
  });

  describe('that cannot be handled', () => {
    it.each([
      ['has an unknown route', 'effects', '{}', 'Unknown route "effects" in scope "probe"'],
      ['has a value that is no percent-encoding', '%E0%A4%A/train', '{}', 'Unknown route'],
      ['is not JSON', 'effect', '{"note":', 'not JSON'],
      ['breaks the schema', 'effect', '{"note":17}', 'note'],
    ])('goes to the dead letters when it %s', async (_, route, payload, reason) => {
      const id = await app.send('probe', route, Buffer.from(payload));
      const letter = await dead.withId(id);
      expect(letter.reason).toContain(reason);
      expect(probe.calls).toEqual([]);
      await expectTheQueueToFlow();
    });

    it('goes to the dead letters when it names no route', async () => {
      const letter = await dead.withId(await publish({}));
      expect(letter.reason).toContain('no header "route"');
      await expectTheQueueToFlow();
    });

    it('goes to the dead letters after its last attempt, and is passed by others meanwhile', async () => {
      const note = randomUUID();
      probe.behave = (one) =>
        one === note ? Promise.reject(new Error('the disk is on fire')) : Promise.resolve();
      const id = await effectOf(note);
      await handled(note);
      await expectTheQueueToFlow();
      const letter = await dead.withId(id);
      expect(letter.reason).toBe('gave up after 2 attempts: Error: the disk is on fire');
      expect(letter.body).toEqual({ note });
      expect(probe.notes().filter((one) => one === note)).toHaveLength(2);
      expect(await effects(note)).toBe(0);
    });

    it('succeeds on its second attempt with one effect', async () => {
      const note = randomUUID();
      probe.behave = (_, attempt) =>
        attempt === 1 ? Promise.reject(new Error('not yet')) : Promise.resolve();
      await effectOf(note);
      await app.until(async () => (await effects(note)) === 1);
      expect(probe.notes()).toEqual([note, note]);
    });
  });

  describe('whose handler decides', () => {
    it('comes again when it throws RetryLater', async () => {
      const note = randomUUID();
      probe.behave = (_, attempt) =>
        attempt === 1
          ? Promise.reject(new RetryLater('1s', 'the model is busy'))
          : Promise.resolve();
      const since = performance.now();
      await effectOf(note);
      await app.until(async () => (await effects(note)) === 1);
      expect(performance.now() - since).toBeGreaterThan(900);
    });

    it('is dead at once when it throws DeadLetter', async () => {
      const note = randomUUID();
      probe.behave = () => Promise.reject(new DeadLetter('the model was deleted'));
      const letter = await dead.withId(await effectOf(note));
      expect(letter.reason).toBe('DeadLetter: the model was deleted');
      expect([probe.notes(), await effects(note)]).toEqual([[note], 0]);
    });

    it('is gone without effect when it throws Skip', async () => {
      const note = randomUUID();
      probe.behave = (one) =>
        one === note ? Promise.reject(new Skip('not ours')) : Promise.resolve();
      const id = await effectOf(note);
      await handled(note);
      await app.settle();
      await expectTheQueueToFlow();
      expect(await effects(note)).toBe(0);
      expect(probe.notes().filter((one) => one === note)).toHaveLength(1);
      expect(await dead.ids()).not.toContain(id);
    });
  });

  it('has one effect when it comes twice', async () => {
    const [note, id] = [randomUUID(), randomUUID()];
    await effectOf(note, { id });
    await handled(note);
    await effectOf(note, { id });
    await app.settle();
    expect([await effects(note), probe.notes()]).toEqual([1, [note]]);
  });

  it('has one effect when it comes ten times at once', async () => {
    const [note, id] = [randomUUID(), randomUUID()];
    probe.behave = () => app.sql('select pg_sleep(0.05)');
    await Promise.all(Array.from({ length: 10 }, () => effectOf(note, { id })));
    await app.settle();
    expect([await effects(note), probe.notes()]).toEqual([1, [note]]);
  });

  it('has its effect when its first arrival was rolled back and a duplicate waited for it', async () => {
    const [note, id] = [randomUUID(), randomUUID()];
    probe.behave = async (_, attempt) => {
      await app.sql('select pg_sleep(0.1)');
      if (attempt === 1) throw new Error('rolled back');
    };
    await Promise.all([effectOf(note, { id }), effectOf(note, { id })]);
    await app.until(async () => (await effects(note)) === 1);
    await app.until(async () => (await app.broker.depth('probe')) === 0);
    await app.settle();
    expect(await effects(note)).toBe(1);
  });

  it('is answered into its reply queue', async () => {
    const replies = new Letters();
    const replyTo = `replies-${randomUUID()}`;
    await app.broker.declare([{ name: replyTo, bindings: [] }]);
    await replies.collect(app.broker, replyTo);
    const ask = { replyTo, correlationId: 'question-1' };
    await app.send('probe', '17/train', { epochs: 2 }, ask);
    await app.send('probe', 'quick', 'fox', ask);
    await app.until(() => replies.all.length === 2);
    expect(replies.all.map((letter) => letter.body)).toEqual(
      expect.arrayContaining([{ id: 17, epochs: 2 }, { quick: 'fox' }]),
    );
    await replies.stop();
  });

  it('has what it returned published as an event, with its effect', async () => {
    await app.send('probe', '21/train', { epochs: 5 });
    await app.outbox.expect(TRAINED, { id: 21, epochs: 5 });
    await eventually(() =>
      expect(probe.of('hear').map((call) => call.args)).toContainEqual([{ id: 21, epochs: 5 }]),
    );
  });

  it('takes parameters that its route lacks from the headers of a foreign sender', async () => {
    await publish({
      headers: { [HEADER.route]: 'train_model', model_id: '17' },
      payload: Buffer.from('{"epochs":"many"}'),
    });
    await app.until(() => probe.of('trainModel').length === 1);
    expect(probe.of('trainModel')[0]!.args).toEqual([17, 'many']);
  });

  it('runs an idempotent handler outside of any transaction, each time it comes', async () => {
    const id = randomUUID();
    await app.send('probe', 'quick', 1, { id });
    await app.send('probe', 'quick', 1, { id });
    await app.until(() => probe.of('quick').length === 2);
    expect(probe.of('quick').map((call) => call.args)).toEqual([
      [1, false],
      [1, false],
    ]);
  });

  it('carries trace and correlation from the request through the outbox to the consumer', async () => {
    const trace = 'a'.repeat(32);
    await app.http.post(
      '/probe/order',
      { note: 'x' },
      {
        traceparent: `00-${trace}-${'b'.repeat(16)}-01`,
        tracestate: 'vendor=1',
        'x-correlation-id': 'order-66',
      },
    );
    await app.until(() => probe.of('quick').length === 1);
    const contexts = [...probe.of('order'), ...probe.of('quick')].map((call) => call.context);
    expect(contexts).toHaveLength(2);
    for (const context of contexts) {
      expect(context?.traceparent.split('-')[1]).toBe(trace);
      expect(context).toMatchObject({ correlationId: 'order-66', tracestate: 'vendor=1' });
    }
  });

  it('carries them from a message to the event that it causes', async () => {
    const trace = 'c'.repeat(32);
    const watched = await app.watch(TRAINED);
    await app.send(
      'probe',
      '33/train',
      { epochs: 1 },
      {
        headers: {
          [HEADER.traceparent]: `00-${trace}-${'d'.repeat(16)}-01`,
          [HEADER.correlationId]: 'training-33',
        },
      },
    );
    await app.outbox.expect(TRAINED, { id: 33 });
    const event = watched.all.find(({ body }) => (body as { id: number }).id === 33);
    expect(event?.headers).toMatchObject({
      [HEADER.correlationId]: 'training-33',
      'cloudEvents:type': TRAINED,
      'cloudEvents:specversion': '1.0',
      'cloudEvents:id': event?.id,
    });
    expect(event?.headers[HEADER.traceparent]).toContain(trace);
  });

  it('is a dead letter when it is an event that nobody here handles', async () => {
    const id = await publish({
      exchange: EVENTS_EXCHANGE,
      routingKey: TRAINED,
      headers: { [HEADER.route]: 'no-such-route' },
    });
    expect((await dead.withId(id)).reason).toContain('no-such-route');
  });
});
