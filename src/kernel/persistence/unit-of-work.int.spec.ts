import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { NoteDatabase } from '../../../test/support/note-database.js';
import { testDatabase } from '../../../test/support/services.js';
import { verdictOn } from '../http/problem.js';
import { createDataSource } from './data-source.js';
import { Database } from './database.js';
import { DatabaseUnavailableError } from './postgres-errors.js';
import { UnitOfWork } from './unit-of-work.js';

const POOL = 3;

describe('a Unit of Work', () => {
  let ground: NoteDatabase;
  let unitOfWork: UnitOfWork;
  let database: Database;

  beforeAll(async () => {
    Logger.overrideLogger(false); // broken connections and hooks are logged as they should be
    ground = await NoteDatabase.open(POOL);
    ({ unitOfWork, database } = ground);
  });
  afterEach(() => ground.expectNoTransactions());
  afterAll(() => ground.release());

  const write = (text: string) => unitOfWork.query('insert into note (text) values ($1)', [text]);
  const notes = async (...texts: string[]) => {
    const rows = await database.query<{ text: string; tx: string }>(
      'select text, tx from note where text = any($1) order by text',
      [texts],
    );
    return rows;
  };
  const backend = async () => {
    const [row] = await unitOfWork.query<{ pid: number }>('select pg_backend_pid() as pid');
    return row!.pid;
  };
  const newText = () => randomUUID();

  it('keeps what was written when the work resolves, and returns its result', async () => {
    const text = newText();
    expect(await unitOfWork.run(async () => (await write(text), 'done'))).toBe('done');
    expect(await notes(text)).toHaveLength(1);
  });

  it('leaves nothing behind when the work rejects', async () => {
    const text = newText();
    const failure = new Error('changed my mind');
    const run = unitOfWork.run(async () => {
      await write(text);
      throw failure;
    });
    await expect(run).rejects.toBe(failure);
    expect(await notes(text)).toEqual([]);
  });

  it('leaves nothing behind when a statement fails', async () => {
    const text = newText();
    const run = unitOfWork.run(async () => {
      await write(text);
      await write(text);
    });
    await expect(run).rejects.toThrow('duplicate key');
    expect(await notes(text)).toEqual([]);
  });

  it('is not seen by others before the commit', async () => {
    const text = newText();
    const other = new Database(ground.dataSource, new UnitOfWork(ground.dataSource));
    await unitOfWork.run(async () => {
      await write(text);
      expect(await notes(text)).toHaveLength(1);
      expect(await other.query('select 1 from note where text = $1', [text])).toEqual([]);
    });
  });

  it('runs its hooks after the commit, in their order, and never after a rollback', async () => {
    const heard: string[] = [];
    const text = newText();
    const other = new Database(ground.dataSource, new UnitOfWork(ground.dataSource));
    let seen: Promise<object[]> | undefined;
    await unitOfWork.run(async () => {
      unitOfWork.afterCommit(() => heard.push('first'));
      unitOfWork.afterCommit(() => {
        heard.push('second');
        seen = other.query('select 1 from note where text = $1', [text]);
      });
      await write(text);
      expect(heard).toEqual([]);
    });
    expect(heard).toEqual(['first', 'second']);
    expect(await seen).toHaveLength(1);
    const failed = unitOfWork.run(async () => {
      unitOfWork.afterCommit(() => heard.push('never'));
      await write(text);
    });
    await expect(failed).rejects.toThrow('duplicate key');
    expect(heard).toEqual(['first', 'second']);
  });

  it('is not failed by a hook: what is committed is committed', async () => {
    const text = newText();
    const heard: string[] = [];
    await unitOfWork.run(async () => {
      await write(text);
      unitOfWork.afterCommit(() => {
        throw new Error('a listener is broken');
      });
      unitOfWork.afterCommit(() => heard.push('next'));
    });
    expect(heard).toEqual(['next']);
    expect(await notes(text)).toHaveLength(1);
  });

  it('is joined by a run inside of it, and rolled back as a whole', async () => {
    const [outer, inner] = [newText(), newText()].sort();
    await unitOfWork.run(async () => {
      await write(outer!);
      await unitOfWork.run(() => write(inner!));
    });
    const [one, other] = await notes(outer!, inner!);
    expect(one!.tx).toBe(other!.tx);

    const text = newText();
    const run = unitOfWork.run(async () => {
      await unitOfWork.run(() => write(text));
      throw new Error('after the inner one');
    });
    await expect(run).rejects.toThrow('after the inner one');
    expect(await notes(text)).toEqual([]);
  });

  it('runs once inside, and as many times as the pool has connections at once', async () => {
    const texts = Array.from({ length: 20 }, newText);
    await Promise.all(texts.map((text) => unitOfWork.run(() => write(text))));
    const rows = await notes(...texts);
    expect(new Set(rows.map((row) => row.tx)).size).toBe(20);
  });

  it('refuses statements and hooks outside of a run', async () => {
    await expect(write('x')).rejects.toThrow('No Unit of Work is open');
    expect(() => unitOfWork.afterCommit(() => undefined)).toThrow('No Unit of Work is open');
  });

  it('is repeated when Postgres reports a serialization failure', async () => {
    const text = newText();
    await unitOfWork.run(() => write(text));
    let attempts = 0;
    await unitOfWork.run(async () => {
      attempts += 1;
      await unitOfWork.query('set transaction isolation level repeatable read');
      await unitOfWork.query('select * from note where text = $1', [text]);
      // Somebody else changes the row between our read and our write, the first time.
      if (attempts === 1) await elsewhere(`update note set tx = 1 where text = '${text}'`);
      await unitOfWork.query('update note set tx = tx + 1 where text = $1', [text]);
    });
    expect(attempts).toBe(2);
    expect(await notes(text)).toEqual([{ text, tx: '2' }]);
  });

  it('gives up after four deadlocks and serialization failures', async () => {
    let attempts = 0;
    const run = unitOfWork.run(async () => {
      attempts += 1;
      await unitOfWork.query(`do $$ begin raise exception 'again' using errcode = '40001'; end $$`);
    });
    await expect(run).rejects.toThrow('again');
    expect(attempts).toBe(4);
  });

  it('runs the hooks of the attempt that was committed only', async () => {
    const heard: number[] = [];
    let attempts = 0;
    await unitOfWork.run(async () => {
      const attempt = (attempts += 1);
      unitOfWork.afterCommit(() => heard.push(attempt));
      if (attempt < 3) {
        await unitOfWork.query(
          `do $$ begin raise exception 'again' using errcode = '40P01'; end $$`,
        );
      }
    });
    expect(heard).toEqual([3]);
  });

  it('says that the database is unavailable when its connection breaks, and goes on with another', async () => {
    const text = newText();
    let attempts = 0;
    const error: unknown = await unitOfWork
      .run(async () => {
        attempts += 1;
        await write(text);
        await elsewhere(`select pg_terminate_backend(${String(await backend())})`);
        await write(`${text}-2`);
      })
      .catch((reason: unknown) => reason);
    expect(verdictOn(error)).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect(attempts).toBe(1);
    for (let run = 0; run < POOL * 2; run += 1) await unitOfWork.run(() => backend());
    expect(await notes(text)).toEqual([]);
  });

  it('says so as well when no connection can be had', async () => {
    const gone = await testDatabase({ template: 'empty' });
    const away = await createDataSource({ url: gone.url, poolSize: 1 }).initialize();
    await gone.release();
    const single = new UnitOfWork(away);
    const error: unknown = await single
      .run(() => single.query('select 1'))
      .catch((reason: unknown) => reason);
    await away.destroy();
    expect(error).toBeInstanceOf(DatabaseUnavailableError);
    expect(verdictOn(error)).toMatchObject({ status: 503, code: 'database-unavailable' });
  });

  /** On a connection that no Unit of Work knows. */
  async function elsewhere(sql: string): Promise<void> {
    await using runner = ground.dataSource.createQueryRunner();
    await runner.query(sql);
  }
});
