import { Command } from '@nestjs/cqrs';
import { DomainError } from '../domain/domain-error.js';
import { Batcher } from './batcher.js';
import type { Outcome } from './handles.js';

class Say extends Command<string> {
  constructor(readonly word: string) {
    super();
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const echo = (commands: readonly unknown[]) => commands.map((command) => (command as Say).word);

/** A batcher whose flushes end when the test says so. */
function heldBatcher(max = 100, atOnce?: number) {
  const batches: { words: string[]; release: (outcomes?: Outcome<unknown>[]) => void }[] = [];
  const batcher = new Batcher(
    max,
    (commands) => {
      const words = echo(commands);
      return new Promise((resolve) => {
        batches.push({ words, release: (outcomes = words) => resolve(outcomes) });
      });
    },
    atOnce,
  );
  const add = (...words: string[]) => words.map((word) => batcher.add(new Say(word)));
  return { batches, add, sizes: () => batches.map((batch) => batch.words.length) };
}

describe('a batcher', () => {
  it('does not let a lone command wait', async () => {
    const { add, batches, sizes } = heldBatcher();
    const [answer] = add('alone');
    await turn();
    expect(sizes()).toEqual([1]);
    batches[0]!.release();
    expect(await answer).toBe('alone');
  });

  it('gathers what arrives while two flushes are under way into one', async () => {
    const { add, batches, sizes } = heldBatcher();
    void add('a');
    await turn();
    void add('b');
    await turn();
    const late = add('c', 'd', 'e');
    await turn();
    void add('f');
    await turn();
    expect(sizes()).toEqual([1, 1]);
    batches[0]!.release();
    await turn();
    await turn();
    expect(batches[2]!.words).toEqual(['c', 'd', 'e', 'f']);
    batches[2]!.release();
    expect(await Promise.all(late)).toEqual(['c', 'd', 'e']);
  });

  it('has no second flush under way where only one is to be', async () => {
    const { add, batches, sizes } = heldBatcher(100, 1);
    void add('a');
    await turn();
    void add('b');
    await turn();
    void add('c');
    await turn();
    expect(sizes()).toEqual([1]);
    batches[0]!.release();
    await turn();
    await turn();
    expect(batches[1]!.words).toEqual(['b', 'c']);
    batches[1]!.release();
  });

  it('gives no flush more than its maximum', async () => {
    const { add, sizes } = heldBatcher(2);
    void add('a', 'b', 'c');
    await turn();
    await turn();
    expect(sizes()).toEqual([2, 1]);
  });

  it('fails only the command whose rule is broken', async () => {
    const { add, batches } = heldBatcher();
    const answers = add('a', 'b', 'c');
    await turn();
    const broken = new DomainError('conflict', 'b-is-taken', 'It is.');
    batches[0]!.release(['a', broken, 'c']);
    expect(await Promise.allSettled(answers)).toEqual([
      { status: 'fulfilled', value: 'a' },
      { status: 'rejected', reason: broken },
      { status: 'fulfilled', value: 'c' },
    ]);
  });

  it('repeats a failed flush one by one, so that the poisonous command fails alone', async () => {
    const batches: string[][] = [];
    const poison = new Error('no such column');
    const batcher = new Batcher(100, async (commands) => {
      batches.push(echo(commands));
      if (echo(commands).includes('poison')) throw poison;
      return echo(commands);
    });
    const answers = ['a', 'poison', 'c'].map((word) => batcher.add(new Say(word)));
    expect(await Promise.allSettled(answers)).toEqual([
      { status: 'fulfilled', value: 'a' },
      { status: 'rejected', reason: poison },
      { status: 'fulfilled', value: 'c' },
    ]);
    expect(batches).toEqual([['a', 'poison', 'c'], ['a'], ['poison'], ['c']]);
  });

  it.each([
    ['the connection broke', Object.assign(new Error('reset'), { code: 'ECONNRESET' })],
    ['Postgres was shut down', Object.assign(new Error('shutdown'), { code: '57P01' })],
    ['the database cannot be had', new DomainError('unavailable', 'database-unavailable', 'Away.')],
  ])('repeats nothing when %s: it may be done', async (_, error) => {
    let flushes = 0;
    const batcher = new Batcher(100, () => {
      flushes += 1;
      return Promise.reject(error);
    });
    const answers = ['a', 'b'].map((word) => batcher.add(new Say(word)));
    expect(await Promise.allSettled(answers)).toEqual([
      { status: 'rejected', reason: error },
      { status: 'rejected', reason: error },
    ]);
    expect(flushes).toBe(1);
  });
});
