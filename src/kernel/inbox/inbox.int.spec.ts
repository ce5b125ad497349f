import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { type Lease, testDatabase } from '../../../test/support/services.js';
import { createDataSource } from '../persistence/data-source.js';
import { Database } from '../persistence/database.js';
import { UnitOfWork } from '../persistence/unit-of-work.js';
import { Inbox } from './inbox.js';

describe('the inbox', () => {
  let lease: Lease;
  let dataSource: DataSource;
  let unitOfWork: UnitOfWork;
  let inbox: Inbox;

  beforeAll(async () => {
    lease = await testDatabase();
    dataSource = await createDataSource({ url: lease.url }).initialize();
    unitOfWork = new UnitOfWork(dataSource);
    inbox = new Inbox(unitOfWork, new Database(dataSource, unitOfWork));
  });
  afterAll(async () => {
    await dataSource.destroy();
    await lease.release();
  });

  const accept = (consumer: string, id: string, work: () => Promise<void> = async () => {}) =>
    unitOfWork.run(async () => {
      const accepted = await inbox.accept(consumer, id);
      if (accepted) await work();
      return accepted;
    });

  it('accepts a message once per consumer', async () => {
    const id = randomUUID();
    expect([await accept('a', id), await accept('a', id)]).toEqual([true, false]);
    expect([
      await accept('b', id),
      await accept('a', 'text id'),
      await accept('a', 'text id'),
    ]).toEqual([true, true, false]);
  });

  it('accepts it again when its effect was rolled back', async () => {
    const id = randomUUID();
    const failed = accept('a', id, () => Promise.reject(new Error('rolled back')));
    await expect(failed).rejects.toThrow('rolled back');
    expect(await accept('a', id)).toBe(true);
  });

  it('lets one of many at once through, and the next one when that is rolled back', async () => {
    const id = randomUUID();
    let effects = 0;
    const answers = await Promise.allSettled(
      Array.from({ length: 8 }, () =>
        accept('a', id, async () => {
          await unitOfWork.query('select pg_sleep(0.02)'); // the others wait here for our end
          effects += 1;
          if (effects === 1) throw new Error('rolled back');
        }),
      ),
    );
    expect(effects).toBe(2);
    expect(answers.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    const accepted = answers.filter((answer) => answer.status === 'fulfilled' && answer.value);
    expect(accepted).toHaveLength(1);
  });

  it('accepts of many those that are new, each once, and forgets those that had no effect', async () => {
    const [known, twice, fresh, failed] = Array.from({ length: 4 }, () => randomUUID());
    await accept('a', known!);
    const accepted = await unitOfWork.run(async () => {
      const ids = await inbox.acceptMany('a', [twice!, known!, fresh!, twice!, failed!]);
      await inbox.forget('a', [failed!]);
      return ids;
    });
    expect([...accepted].sort()).toEqual([twice, fresh, failed].sort());
    expect([await accept('a', fresh!), await accept('a', failed!)]).toEqual([false, true]);
    expect(await unitOfWork.run(() => inbox.acceptMany('b', []))).toEqual([]);
  });

  it('lets batches with messages in common wait for each other, whatever their order', async () => {
    const ids = Array.from({ length: 50 }, () => randomUUID());
    const batch = (mine: string[]) =>
      unitOfWork.run(async () => {
        const accepted = await inbox.acceptMany('a', mine);
        await unitOfWork.query('select pg_sleep(0.01)');
        return accepted;
      });
    const answers = await Promise.all([batch(ids), batch(ids.toReversed()), batch(ids)]);
    expect(answers.flat().sort()).toEqual([...ids].sort());
  });

  it('forgets messages after seven days, so many at once', async () => {
    await dataSource.query(
      `insert into kernel.inbox select 'old', n::text, now() - interval '7 days 1 minute' from generate_series(1, 25) as n`,
    );
    await dataSource.query(
      `insert into kernel.inbox values ('young', 'x', now() - interval '6 days 23 hours')`,
    );
    expect([await inbox.purge(10), await inbox.purge(10), await inbox.purge(10)]).toEqual([
      10, 10, 5,
    ]);
    expect([await accept('young', 'x'), await accept('old', '1')]).toEqual([false, true]);
  });
});
