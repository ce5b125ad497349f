import { randomUUID } from 'node:crypto';
import { type INestApplicationContext, Module, type Provider } from '@nestjs/common';
import { DiscoveryModule, NestFactory } from '@nestjs/core';
import { Command, Query } from '@nestjs/cqrs';
import { DataSource } from 'typeorm';
import { type Lease, testDatabase } from '../../../test/support/services.js';
import { DomainError } from '../domain/domain-error.js';
import { createDataSource } from '../persistence/data-source.js';
import { UnitOfWork } from '../persistence/unit-of-work.js';
import { type BatchHandler, type Handler, Handles, type Outcome } from './handles.js';
import { Mediator } from './mediator.js';

class AddWords extends Command<string> {
  constructor(readonly word: string) {
    super();
  }
}

@Handles(AddWords, { batch: 100 })
class AddWordsHandler implements BatchHandler<AddWords> {
  readonly batches: number[] = [];
  constructor(private readonly unitOfWork: UnitOfWork) {}

  async executeMany(commands: readonly AddWords[]): Promise<Outcome<string>[]> {
    this.batches.push(commands.length);
    const good = commands.filter(({ word }) => !word.startsWith('bad'));
    await this.unitOfWork.query('insert into word (text) select * from unnest($1::text[])', [
      good.map(({ word }) => (word.startsWith('poison') ? null : word)),
    ]);
    return commands.map(({ word }) =>
      word.startsWith('bad') ? new DomainError('invalid', 'bad-word', `"${word}" is bad.`) : word,
    );
  }
}

class AddAndFail extends Command<void> {
  constructor(readonly words: readonly string[]) {
    super();
  }
}

class AddTogether extends AddAndFail {}

@Handles(AddTogether)
class AddTogetherHandler implements Handler<AddTogether> {
  constructor(private readonly mediator: Mediator) {}

  async execute({ words }: AddTogether): Promise<void> {
    for (const word of words) await this.mediator.execute(new AddWords(word));
  }
}

@Handles(AddAndFail)
class AddAndFailHandler implements Handler<AddAndFail> {
  constructor(private readonly mediator: Mediator) {}

  async execute({ words }: AddAndFail): Promise<void> {
    await this.mediator.execute(new AddTogether(words));
    throw new DomainError('conflict', 'second-thoughts', 'No, after all.');
  }
}

/** Locks two words, one after the other; at first the second only when somebody else has locked it. */
class LockBoth extends Command<number> {
  constructor(
    readonly words: readonly [string, string],
    readonly meet: () => Promise<void>,
  ) {
    super();
  }
}

@Handles(LockBoth)
class LockBothHandler implements Handler<LockBoth> {
  #attempts = 0;
  constructor(private readonly unitOfWork: UnitOfWork) {}

  async execute({ words: [first, second], meet }: LockBoth): Promise<number> {
    this.#attempts += 1;
    await this.#lock(first);
    await meet();
    await this.#lock(second);
    return this.#attempts;
  }

  #lock(word: string) {
    return this.unitOfWork.query('update word set locks = locks + 1 where text = $1', [word]);
  }
}

class CountWords extends Query<number> {
  constructor(readonly words: readonly string[]) {
    super();
  }
}

@Handles(CountWords)
class CountWordsHandler implements Handler<CountWords> {
  constructor(
    private readonly dataSource: DataSource,
    private readonly unitOfWork: UnitOfWork,
  ) {}

  async execute({ words }: CountWords): Promise<number> {
    expect(this.unitOfWork.isOpen).toBe(false);
    const rows: unknown[] = await this.dataSource.query('select from word where text = any($1)', [
      words,
    ]);
    return rows.length;
  }
}

describe('the mediator', () => {
  let lease: Lease;
  let dataSource: DataSource;
  let app: INestApplicationContext;
  let mediator: Mediator;
  let batches: number[];

  beforeAll(async () => {
    lease = await testDatabase({ template: 'empty' });
    dataSource = await createDataSource({ url: lease.url, poolSize: 10 }).initialize();
    await dataSource.query(
      'create table word (text text primary key, locks int default 0, tx bigint default txid_current())',
    );
    app = await contextWith(
      AddWordsHandler,
      AddTogetherHandler,
      AddAndFailHandler,
      LockBothHandler,
      CountWordsHandler,
    );
    mediator = app.get(Mediator);
    batches = app.get(AddWordsHandler).batches;
  });
  beforeEach(() => batches.splice(0));
  afterAll(async () => {
    await app.close();
    await dataSource.destroy();
    await lease.release();
  });

  const contextWith = (...handlers: Provider[]) => {
    @Module({
      imports: [DiscoveryModule],
      providers: [{ provide: DataSource, useValue: dataSource }, UnitOfWork, Mediator, ...handlers],
    })
    class Root {}
    return NestFactory.createApplicationContext(Root, { logger: false, abortOnError: false });
  };
  const words = (count: number, prefix = 'word') =>
    Array.from({ length: count }, () => `${prefix}-${randomUUID()}`);
  const add = (given: readonly string[]) =>
    Promise.allSettled(given.map((word) => mediator.execute(new AddWords(word))));
  const count = (given: readonly string[]) => mediator.ask(new CountWords(given));
  const transactions = async (given: readonly string[]) => {
    const rows: unknown[] = await dataSource.query(
      'select distinct tx from word where text = any($1)',
      [given],
    );
    return rows.length;
  };

  it('puts concurrent commands into shared transactions', async () => {
    const given = words(200);
    const answers = await add(given);
    expect(answers).toEqual(given.map((value) => ({ status: 'fulfilled', value })));
    expect(batches).toEqual([100, 100]);
    expect(await transactions(given)).toBe(2);
  });

  it('fails only the command that broke a rule, and keeps its neighbours', async () => {
    const [before, after] = [words(3), words(3)];
    const [bad] = words(1, 'bad');
    const answers = await add([...before, bad!, ...after]);
    expect(answers.map((answer) => answer.status === 'fulfilled')).toEqual([
      ...[true, true, true],
      false,
      ...[true, true, true],
    ]);
    expect(answers[3]).toMatchObject({ reason: { code: 'bad-word' } });
    expect(batches).toEqual([7]);
    expect(await count([...before, ...after, bad!])).toBe(6);
  });

  it('lets a poisonous command fail alone: the others are repeated without it', async () => {
    const given = words(4);
    const [poison] = words(1, 'poison');
    const answers = await add([...given.slice(0, 2), poison!, ...given.slice(2)]);
    expect(answers.map((answer) => answer.status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect(answers[2]).toMatchObject({
      reason: { message: expect.stringContaining('null value') as string },
    });
    expect(batches).toEqual([5, 1, 1, 1, 1, 1]);
    expect(await transactions(given)).toBe(4);
  });

  it('takes many commands in one call, in one transaction, with an answer for each', async () => {
    const [good, bad] = [words(3), words(1, 'bad')];
    const outcomes = await mediator.executeMany(
      [...good, ...bad].map((word) => new AddWords(word)),
    );
    expect(outcomes.slice(0, 3)).toEqual(good);
    expect(outcomes[3]).toMatchObject({ code: 'bad-word' });
    expect(batches).toEqual([4]);
    expect(await transactions(good)).toBe(1);
    expect(await mediator.executeMany([])).toEqual([]);
  });

  it('takes many commands only for a handler that does', async () => {
    const many = mediator.executeMany([new AddTogether(words(1))]);
    await expect(many).rejects.toThrow('one at a time');
  });

  it('has nested commands join the transaction of the outer one', async () => {
    const given = words(3);
    await mediator.execute(new AddTogether(given));
    expect(await transactions(given)).toBe(1);
    expect(batches).toEqual([1, 1, 1]);
  });

  it('writes nothing of nested commands when the outer one fails', async () => {
    const given = words(3);
    await expect(mediator.execute(new AddAndFail(given))).rejects.toThrow('No, after all.');
    expect(await count(given)).toBe(0);
  });

  it('hands a broken rule of a nested batch command to the outer one', async () => {
    const given = [...words(1), ...words(1, 'bad')];
    await expect(mediator.execute(new AddTogether(given))).rejects.toThrow('is bad');
    expect(await count(given)).toBe(0);
  });

  it('repeats a command after a deadlock', async () => {
    const [a, b] = words(2);
    await add([a!, b!]);
    const meet = barrier(2);
    const attempts = await Promise.all([
      mediator.execute(new LockBoth([a!, b!], meet)),
      mediator.execute(new LockBoth([b!, a!], meet)),
    ]);
    expect(Math.max(...attempts)).toBe(3);
    const locks: unknown = await dataSource.query('select locks from word where text = any($1)', [
      [a, b],
    ]);
    expect(locks).toEqual([{ locks: 2 }, { locks: 2 }]);
  });

  it('answers a query outside of any transaction', async () => {
    const given = words(2);
    await add(given);
    expect(await count(given)).toBe(2);
  });

  it('refuses to start with two handlers of one command', async () => {
    @Handles(CountWords)
    class Another {}
    await expect(contextWith(CountWordsHandler, Another)).rejects.toThrow(
      'Two handlers for CountWords',
    );
  });

  it('says when nobody handles a command', async () => {
    class Unheard extends Command<void> {}
    await expect(mediator.execute(new Unheard())).rejects.toThrow('No handler for Unheard');
  });
});

/** Everyone waits for the others the first time, and passes through afterwards. */
function barrier(parties: number): () => Promise<void> {
  let open: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  let arrived = 0;
  return async () => {
    arrived += 1;
    if (arrived === parties) open();
    await opened;
  };
}
