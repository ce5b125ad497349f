import { randomUUID } from 'node:crypto';
import { Controller, Injectable, Module, UseGuards } from '@nestjs/common';
import { z } from 'zod';
import { DomainError } from '../../src/kernel/domain/domain-error.js';
import type { Incoming, MessageOutcome } from '../../src/kernel/messaging/batch-method.js';
import { MessageScope, OnEvent, OnMessage } from '../../src/kernel/messaging/message.decorators.js';
import { DeadLetter, RetryLater, Skip } from '../../src/kernel/messaging/settlement.js';
import { UnitOfWork } from '../../src/kernel/persistence/unit-of-work.js';
import { type App, bootApp, BROKERS } from '../support/app.js';
import type { DeadLetters } from '../support/letters.js';

const body = z.object({ note: z.string(), wish: z.string().default('done') });
type Note = z.output<typeof body>;

@Injectable()
class Seen {
  readonly batches: Incoming<Note, { shelf: string }>[][] = [];
  /** Held back until the test lets go, so that messages gather. */
  gate: Promise<unknown> = Promise.resolve();

  get notes(): string[] {
    return this.batches.flat().map((message) => message.body.note);
  }
}

@Controller()
@MessageScope('shelves', { retry: ['1s'] })
class ShelvesController {
  constructor(
    private readonly seen: Seen,
    private readonly unitOfWork: UnitOfWork,
  ) {}

  @OnMessage('shelves/:shelf', { batch: 100, body })
  @OnEvent('notes/:shelf/written', { batch: 100, body })
  async put(messages: readonly Incoming<Note, { shelf: string }>[]): Promise<MessageOutcome[]> {
    this.seen.batches.push([...messages]);
    await this.seen.gate;
    const outcomes = messages.map(outcomeOf);
    const good = messages.filter((_, index) => outcomes[index] === undefined);
    await this.unitOfWork.query(`insert into kernel.note select * from unnest($1::text[])`, [
      good.map((message) => (message.body.wish === 'poison' ? null : message.body.note)),
    ]);
    return outcomes;
  }

  @OnMessage('quick', { batch: 10, body, idempotent: true })
  quick(messages: readonly Incoming<Note>[]): Promise<undefined> {
    expect(this.unitOfWork.isOpen).toBe(false);
    this.seen.batches.push(messages as never);
    return Promise.resolve(undefined);
  }
}

function outcomeOf({ body: { wish }, attempt }: Incoming<Note>): MessageOutcome {
  if (wish === 'broken rule') return new DomainError('conflict', 'shelf-is-full', 'No room.');
  if (wish === 'dead') return new DeadLetter('never');
  if (wish === 'skip') return new Skip('not ours');
  if (wish === 'later' && attempt === 1) return new RetryLater('1s');
  return undefined;
}

@Module({ controllers: [ShelvesController], providers: [Seen] })
class ShelvesModule {}

describe.each(BROKERS)('a batch of messages on %s', (broker) => {
  let app: App;
  let seen: Seen;
  let dead: DeadLetters;

  beforeAll(async () => {
    app = await bootApp({ broker, modules: [ShelvesModule], shared: true });
    await app.sql(
      'create table kernel.note (text text not null, tx bigint default txid_current())',
    );
    seen = app.get(Seen);
    dead = app.deadLetters('shelves');
  });
  beforeEach(() => {
    seen.batches.splice(0);
  });
  afterAll(() => app.stop());

  const put = (note: string, wish = 'done', id: string = randomUUID()) =>
    app.send('shelves', 'shelves/a%2Fb', { note, wish }, { id });
  const kept = async (notes: readonly string[]) => {
    const rows = await app.sql<{ text: string }>(
      'select text from kernel.note where text = any($1)',
      [notes],
    );
    return rows.map((row) => row.text).sort();
  };
  const named = (count: number) => Array.from({ length: count }, () => randomUUID());
  /** Sends while a first message is at work, so that the rest is gathered. */
  const together = async (send: () => Promise<unknown>) => {
    const open = Promise.withResolvers<undefined>();
    seen.gate = open.promise;
    for (const note of named(2)) {
      await put(note);
      await app.until(() => seen.notes.includes(note));
    }
    await send();
    await app.until(async () => (await app.broker.depth('shelves')) === 0);
    seen.batches.splice(0);
    open.resolve(undefined);
  };

  it('does not let a lone message wait, and gives it with its parameters and headers', async () => {
    const [note] = named(1);
    const id = await app.send('shelves', 'shelves/a%2Fb', { note }, { headers: { colour: 'red' } });
    await app.until(async () => (await kept([note!])).length === 1);
    expect(seen.batches).toHaveLength(1);
    expect(seen.batches[0]).toEqual([
      expect.objectContaining({
        id,
        params: { shelf: 'a/b' },
        body: { note, wish: 'done' },
        attempt: 1,
      }),
    ]);
    expect(seen.batches[0]![0]!.headers).toMatchObject({ colour: 'red' });
  });

  it('shares one transaction among those that gathered', async () => {
    const notes = named(60);
    await together(() => Promise.all(notes.map((note) => put(note))));
    await app.until(async () => (await kept(notes)).length === 60);
    const rows = await app.sql('select distinct tx from kernel.note where text = any($1)', [notes]);
    expect(rows.length).toBeLessThanOrEqual(4);
  });

  it('settles each for itself: good, invalid, doubled, broken, dead, skipped and later ones', async () => {
    const [good, twice, broken, never, skipped, later] = named(6);
    const doubled = randomUUID();
    const ids: string[] = [];
    await together(async () => {
      await put(good!);
      ids.push(await app.send('shelves', 'shelves/1', { note: 17 }));
      await put(twice!, 'done', doubled);
      await put(twice!, 'done', doubled);
      ids.push(await put(broken!, 'broken rule'), await put(never!, 'dead'));
      await put(skipped!, 'skip');
      await put(later!, 'later');
    });
    const all = [good!, twice!, broken!, never!, skipped!, later!];
    await app.until(async () => (await kept(all)).length === 3);
    expect(await kept(all)).toEqual([good!, twice!, later!].sort());
    const reasons = await Promise.all(ids.map(async (id) => (await dead.withId(id)).reason));
    expect(reasons).toEqual([
      expect.stringContaining('note: '),
      expect.stringContaining('shelf-is-full: No room.'),
      'DeadLetter: never',
    ]);
    await app.settle();
    expect(seen.notes.filter((note) => note === later)).toHaveLength(2);
    expect(seen.notes.filter((note) => note === twice)).toHaveLength(1);
    expect(seen.notes.filter((note) => note === skipped)).toHaveLength(1);
  });

  it('has no effect again when it comes again later, but may be repeated after it failed', async () => {
    const [note, rejected] = named(2);
    const [id, other] = [randomUUID(), randomUUID()];
    await put(note!, 'done', id);
    await put(rejected!, 'dead', other);
    await dead.withId(other);
    await app.until(async () => (await kept([note!])).length === 1);
    await put(note!, 'done', id);
    await put(rejected!, 'done', other); // as a redrive sends it
    await app.until(async () => (await kept([rejected!])).length === 1);
    await app.settle();
    expect(await kept([note!])).toEqual([note]);
  });

  it('is repeated one by one when one of them fails it, and only that one is a dead letter', async () => {
    const notes = named(20);
    const [poison] = named(1);
    let id = '';
    await together(async () => {
      for (const note of notes.slice(0, 10)) await put(note);
      id = await put(poison!, 'poison');
      for (const note of notes.slice(10)) await put(note);
    });
    await app.until(async () => (await kept(notes)).length === 20);
    expect((await dead.withId(id)).reason).toContain('null value');
    await app.settle();
    expect(await kept([...notes, poison!])).toEqual([...notes].sort());
  });

  it('may come from events, whose parameters it knows', async () => {
    const [note] = named(1);
    await app.broker.publish([
      {
        id: randomUUID(),
        exchange: 'millrace.events',
        routingKey: 'notes.left%2Eone.written',
        headers: {},
        contentType: 'application/json',
        payload: Buffer.from(JSON.stringify({ note })),
      },
    ]);
    await app.until(async () => (await kept([note!])).length === 1);
    expect(seen.batches.flat()[0]!.params).toEqual({ shelf: 'left.one' });
  });

  it('runs outside of any transaction where its handler is idempotent', async () => {
    const [note] = named(1);
    const id = randomUUID();
    await app.send('shelves', 'quick', { note }, { id });
    await app.send('shelves', 'quick', { note }, { id });
    await app.until(() => seen.notes.filter((one) => one === note).length === 2);
  });
});

it('is refused at boot where guards would be passed by', async () => {
  @Controller()
  @MessageScope('guarded')
  class Guarded {
    @OnMessage('run', { batch: 10, body })
    @UseGuards({ canActivate: () => false })
    run(): Promise<undefined> {
      return Promise.resolve(undefined);
    }
  }
  @Module({ controllers: [Guarded] })
  class Given {}
  await expect(bootApp({ modules: [Given] })).rejects.toThrow(
    'Guarded.run takes batches, for which its guards would not run',
  );
});
