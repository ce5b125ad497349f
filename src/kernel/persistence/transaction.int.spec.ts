import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { NoteDatabase } from '../../../test/support/note-database.js';
import { createDataSource } from './data-source.js';
import type { Database } from './database.js';
import { UnitOfWork } from './unit-of-work.js';

describe('the transaction of a Unit of Work', () => {
  let ground: NoteDatabase;
  let unitOfWork: UnitOfWork;
  let database: Database;

  beforeAll(async () => {
    Logger.overrideLogger(false); // connections that are given up are logged as they should be
    ground = await NoteDatabase.open(3);
    ({ unitOfWork, database } = ground);
  });
  afterEach(() => ground.expectNoTransactions());
  afterAll(() => ground.release());

  const write = (text: string) => unitOfWork.query('insert into note (text) values ($1)', [text]);
  const notes = (...texts: string[]) =>
    database.query<{ text: string }>('select text from note where text = any($1) order by text', [
      texts,
    ]);
  const newText = () => randomUUID();

  it('runs deferred inserts with the commit, and not before', async () => {
    const [one, other] = [newText(), newText()].sort();
    await unitOfWork.run(async () => {
      unitOfWork.deferInsert('insert into note (text) values ($1)', [other]);
      await write(one!);
      expect(await notes(one!, other!)).toHaveLength(1);
    });
    expect(await notes(one!, other!)).toHaveLength(2);
  });

  it('prepares inserts, also again after one that failed before it was prepared', async () => {
    const single = createDataSource({ url: ground.url, poolSize: 1 });
    await single.initialize();
    const work = new UnitOfWork(single);
    const sql = 'insert into note (text) values ($1) returning text';
    const text = newText();
    const failing = work.run(async () => {
      work.deferInsert('insert into note (text) values ($1), ($1)', [newText()]);
      work.deferInsert(sql, [newText()]);
      return Promise.resolve();
    });
    await expect(failing).rejects.toThrow('duplicate key');
    for (const each of [text, newText()]) {
      expect(await work.run(() => work.insert(sql, [each]))).toEqual([{ text: each }]);
    }
    await expect(work.run(() => work.insert(sql, [text]))).rejects.toThrow('duplicate key');
    const last = newText();
    expect(await work.run(() => work.insert(sql, [last]))).toEqual([{ text: last }]);
    const prepared = await work.run(() =>
      work.query('select 1 from pg_prepared_statements where statement = $1', [sql]),
    );
    expect(prepared).toHaveLength(1);
    await single.destroy();
  });

  it('runs deferred inserts at once when it is about to read them, and once', async () => {
    const text = newText();
    await unitOfWork.run(async () => {
      unitOfWork.deferInsert('insert into note (text) values ($1)', [text]);
      await unitOfWork.flush();
      const read = await unitOfWork.query('select text from note where text = $1', [text]);
      expect(read).toEqual([{ text }]);
    });
    expect(await notes(text)).toEqual([{ text }]);
  });

  it('fails with a deferred statement, and leaves nothing behind', async () => {
    const text = newText();
    const run = unitOfWork.run(async () => {
      await write(text);
      unitOfWork.deferInsert('insert into note (text) values ($1)', [text]);
    });
    await expect(run).rejects.toThrow('duplicate key');
    expect(await notes(text)).toEqual([]);
  });

  it('does not pass for committed when the failure of a statement was swallowed', async () => {
    const text = newText();
    const run = unitOfWork.run(async () => {
      await write(text);
      await expect(write(text)).rejects.toThrow('duplicate key');
    });
    await expect(run).rejects.toThrow('Nothing was committed');
    expect(await notes(text)).toEqual([]);
  });

  it('writes nothing by itself after a parameter that cannot be sent', async () => {
    const text = newText();
    const run = unitOfWork.run(async () => {
      const broken = unitOfWork.query('select $1', [() => 'no value']);
      await expect(broken).rejects.toThrow('cannot be a parameter');
      await write(text);
      throw new Error('changed my mind');
    });
    await expect(run).rejects.toThrow('changed my mind');
    expect(await notes(text)).toEqual([]);
  });

  it('refuses a statement that comes after its end', async () => {
    const text = newText();
    const ended = Promise.withResolvers<undefined>();
    let late: Promise<void> | undefined;
    const run = unitOfWork.run(async () => {
      await write(newText());
      late = ended.promise.then(async () => {
        await expect(write(text)).rejects.toThrow('has ended');
      });
      throw new Error('changed my mind');
    });
    await expect(run).rejects.toThrow('changed my mind');
    ended.resolve(undefined);
    await late;
    expect.assertions(4); // with the one after each test
    expect(await notes(text)).toEqual([]);
  });

  it('does not pass on a connection that it could not roll back', async () => {
    const [open, next] = [newText(), newText()];
    const { options } = createDataSource({ url: ground.url, poolSize: 1 });
    const extra = { ...(options.extra as object), query_timeout: 600 };
    const slow = await new DataSource({ ...options, extra }).initialize();
    const single = new UnitOfWork(slow);
    const insert = (text: string) => single.query('insert into note (text) values ($1)', [text]);
    const run = single.run(async () => {
      await insert(open);
      await single.query('select pg_sleep(1.5)');
    });
    await expect(run).rejects.toThrow('Query read timeout');
    await single.run(() => insert(next));
    await slow.destroy();
    expect(await notes(open, next)).toEqual([expect.objectContaining({ text: next })]);
  });

  it('takes no connection without a statement', async () => {
    const away = createDataSource({ url: ground.url, poolSize: 1 });
    await away.initialize();
    await using holder = away.createQueryRunner();
    await holder.query('select 1');
    expect(await new UnitOfWork(away).run(() => Promise.resolve('done'))).toBe('done');
    await holder.release();
    await away.destroy();
  });
});
