import { type Door, openDoor } from '../../../test/support/http-door.js';
import { type Lease, testDatabase } from '../../../test/support/services.js';
import { CreateIdempotency1763683300000 } from '../migrations/1763683300000-create-idempotency.js';
import { createDataSource } from '../persistence/data-source.js';
import { IdempotencyStore } from './idempotency.store.js';

const POOL_SIZE = 4;

let database: Lease;
let door: Door;
let other: Door;

beforeAll(async () => {
  database = await testDatabase({ template: 'empty' });
  const migrations = [CreateIdempotency1763683300000];
  const dataSource = await createDataSource({ url: database.url, migrations }).initialize();
  await dataSource.runMigrations();
  await dataSource.query('create table effect (payload text not null)');
  await dataSource.destroy();
});
afterAll(() => database.release());

beforeEach(async () => {
  door = await open();
  other = await open();
  await door.dataSource.query('truncate effect, kernel.idempotency');
});
afterEach(async () => {
  for (const one of [door, other]) {
    await one.close();
    await one.dataSource.destroy();
  }
});

/** A process of its own, as far as keys are concerned: nothing is shared but the database. */
async function open(): Promise<Door> {
  const opened = await openDoor({
    DATABASE_URL: database.url,
    DATABASE_POOL_SIZE: String(POOL_SIZE),
  });
  await opened.dataSource.initialize();
  opened.effects.make = (payload) => writeEffect(opened, payload);
  return opened;
}

let effects = 0;
async function writeEffect({ unitOfWork }: Door, payload: string): Promise<string> {
  await unitOfWork.run(() => unitOfWork.query('insert into effect values ($1)', [payload]));
  effects += 1;
  return `00000000-0000-7000-8000-${String(effects).padStart(12, '0')}`;
}

async function post({ app }: Door, key: string, body: unknown = { payload: 'a' }, headers = {}) {
  const answer = await app.inject({
    method: 'POST',
    url: '/things',
    headers: { 'content-type': 'application/json', 'idempotency-key': key, ...headers },
    payload: JSON.stringify(body),
  });
  return { status: answer.statusCode, headers: answer.headers, body: answer.body };
}

async function countOf(table: string): Promise<number> {
  const [row] = await door.dataSource.query<{ count: number }[]>(
    `select count(*)::int from ${table}`,
  );
  return row?.count ?? -1;
}

async function openTransactions(): Promise<number> {
  const rows = await door.dataSource.query<unknown[]>(
    `select from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'`,
  );
  return rows.length;
}

/** An effect that waits until it is let go, and says when it was reached. */
function held(by: Door, work: (payload: string) => Promise<string>) {
  const reached = Promise.withResolvers<undefined>();
  const released = Promise.withResolvers<undefined>();
  by.effects.make = async (payload) => {
    reached.resolve(undefined);
    await released.promise;
    return work(payload);
  };
  return {
    reached: reached.promise,
    release: () => {
      released.resolve(undefined);
    },
  };
}

describe('a request with an Idempotency-Key', () => {
  it('has one effect and one answer, however often and however parallel it is sent', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => post(door, 'one')));
    expect(await countOf('effect')).toBe(1);
    expect(new Set(answers.map(({ status, body }) => `${status} ${body}`)).size).toBe(1);
    expect(answers[0]?.status).toBe(201);
    expect(
      answers.filter(({ headers }) => headers['idempotency-replayed'] === 'true'),
    ).toHaveLength(49);
    expect(new Set(answers.map(({ headers }) => headers.location)).size).toBe(1);
  });

  it('has one effect over two processes', async () => {
    const doors = Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? door : other));
    const answers = await Promise.all(doors.map((one) => post(one, 'two')));
    expect(await countOf('effect')).toBe(1);
    expect(new Set(answers.map(({ status, body }) => `${status} ${body}`)).size).toBe(1);
  });

  it('is answered as before after a restart', async () => {
    const first = await post(door, 'restart');
    const second = await post(other, 'restart');
    expect([second.status, second.body, second.headers.location]).toEqual([
      first.status,
      first.body,
      first.headers.location,
    ]);
    expect([first.headers['idempotency-replayed'], second.headers['idempotency-replayed']]).toEqual(
      [undefined, 'true'],
    );
  });

  it('may not be followed by another request with its key', async () => {
    await post(door, 'reused');
    for (const one of [door, other]) {
      const { status, body } = await post(one, 'reused', { payload: 'b' });
      expect([status, (JSON.parse(body) as { type: string }).type]).toEqual([
        422,
        '/problems/idempotency-key-reused',
      ]);
    }
    expect(await countOf('effect')).toBe(1);
  });

  it('leaves nothing behind when its effect fails, so it may be sent again', async () => {
    door.effects.make = async (payload) => {
      await writeEffect(door, payload);
      throw new Error('after the insert');
    };
    expect((await post(door, 'failed')).status).toBe(500);
    expect([await countOf('effect'), await countOf('kernel.idempotency')]).toEqual([0, 0]);
    door.effects.make = (payload) => writeEffect(door, payload);
    expect((await post(door, 'failed')).status).toBe(201);
  });

  it('is tried by the next one that waits when the first fails', async () => {
    let attempts = 0;
    door.effects.make = async (payload) => {
      attempts += 1;
      if (attempts === 1) throw new Error('the first one only');
      return writeEffect(door, payload);
    };
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(door, 'second')));
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([...Array<number>(9).fill(201), 500]);
    expect(await countOf('effect')).toBe(1);
  });

  it('may be sent again when it was invalid', async () => {
    expect((await post(door, 'invalid', { payload: 7 })).status).toBe(422);
    expect((await post(door, 'invalid')).status).toBe(201);
  });

  it('keeps the answer of a bulk request in its shape', async () => {
    const items = [{ payload: 'a' }, { payload: 'b' }];
    const first = await post(door, 'bulk', items);
    const second = await post(other, 'bulk', items);
    expect(JSON.parse(second.body)).toHaveLength(2);
    expect(second.body).toBe(first.body);
  });

  it.each([
    ['holds a space', 'with space'],
    ['is too long', 'x'.repeat(256)],
    ['is not ASCII', '\u00e4'],
  ])('is refused when the key %s', async (_why, key) => {
    const { status, body } = await post(door, key);
    expect([status, (JSON.parse(body) as { type: string }).type]).toEqual([
      400,
      '/problems/invalid-idempotency-key',
    ]);
  });
});

describe('while the first request is under way', () => {
  it('the others hold no connection, and hear 409 when it takes too long', async () => {
    const gate = held(door, (payload) => writeEffect(door, payload));
    const first = post(door, 'slow');
    await gate.reached;
    const waiting = Array.from({ length: 20 }, (_, index) =>
      post(index % 2 === 0 ? door : other, 'slow'),
    );
    // The first one's, and now and then that of the one request that asks for the other process.
    expect(await openTransactions()).toBeLessThanOrEqual(2);
    for (const { status, headers } of await Promise.all(waiting)) {
      expect([status, headers['retry-after']]).toEqual([409, '1']);
    }
    gate.release();
    expect((await first).status).toBe(201);
    expect((await post(other, 'slow')).headers['idempotency-replayed']).toBe('true');
    expect(await countOf('effect')).toBe(1);
  });
});

describe('a key', () => {
  const forgetSoon = `update kernel.idempotency set expires_at = now() - interval '1 second'`;

  it('is free again when it has expired', async () => {
    await post(door, 'expired');
    await door.dataSource.query(forgetSoon);
    expect((await post(door, 'expired', { payload: 'b' })).status).toBe(201);
    expect(await countOf('effect')).toBe(2);
  });

  it('is purged when it has expired, not before', async () => {
    for (const key of ['p1', 'p2', 'p3']) await post(door, key);
    await door.dataSource.query(forgetSoon);
    await post(door, 'p4');
    const store = door.app.get(IdempotencyStore);
    expect([
      await store.purgeExpired(2),
      await store.purgeExpired(2),
      await store.purgeExpired(2),
    ]).toEqual([2, 1, 0]);
    expect(await countOf('kernel.idempotency')).toBe(1);
  });

  it('of one caller says nothing to another', async () => {
    const alice = await post(door, 'shared', { payload: 'hers' }, { 'x-caller': 'alice' });
    const bob = await post(other, 'shared', { payload: 'his' }, { 'x-caller': 'bob' });
    expect([alice.status, bob.status]).toEqual([201, 201]);
    expect(await countOf('effect')).toBe(2);
  });
});
