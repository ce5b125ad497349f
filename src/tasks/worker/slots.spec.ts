import { RetryLater } from '../../kernel/messaging/settlement.js';
import { Slots } from './slots.js';

describe('slots', () => {
  let slots: Slots;
  let ends: string[];

  beforeEach(() => {
    ends = [];
    const limitOf = (kind: string) => (kind === 'narrow' ? 1 : undefined);
    slots = new Slots({ capacity: 3, limitOf, mostWaiting: 2 });
  });

  const settled = () => new Promise(setImmediate);
  const acquire = (name: string, kind: string, { priority = 0, message = {} } = {}) =>
    slots.acquire(kind, priority, message).then(
      () => ends.push(name),
      (error: unknown) => ends.push(`${name}: ${String(error)}`),
    );

  it('are given in the order of priority, then of arrival', async () => {
    for (const name of ['a', 'b', 'c', 'd']) void acquire(name, 'any');
    void acquire('urgent', 'any', { priority: 1 });
    await settled();
    expect(ends).toEqual(['a', 'b', 'c']);
    slots.release('any');
    slots.release('any');
    await settled();
    expect(ends).toEqual(['a', 'b', 'c', 'urgent', 'd']);
  });

  it('are given to other kinds while one has its limit', async () => {
    for (const name of ['a', 'b']) void acquire(name, 'narrow');
    void acquire('c', 'any');
    await settled();
    expect([ends, slots.used]).toEqual([['a', 'c'], 2]);
  });

  it('send the last of too many messages away that wait for a kind, with all their tasks', async () => {
    const message = {};
    for (const name of ['a', 'b', 'c']) void acquire(name, 'narrow');
    void acquire('urgent', 'narrow', { priority: 1, message });
    void acquire('too', 'narrow', { priority: 1, message });
    await settled();
    expect(ends).toEqual(['a', expect.stringMatching(/^c: RetryLater: .*"narrow"/)]);
    slots.release('narrow');
    slots.release('narrow');
    slots.release('narrow');
    await settled();
    expect(ends.slice(2)).toEqual(['urgent', 'too', 'b']);
  });

  it('send nobody away while all of them are used', async () => {
    for (const name of ['a', 'b', 'c']) void acquire(name, 'any');
    for (const name of ['d', 'e', 'f', 'g']) void acquire(name, 'narrow');
    await settled();
    expect(ends).toEqual(['a', 'b', 'c']);
    slots.release('any'); // to the first of the others; the next ones wait for their kind or a slot
    await settled();
    expect(ends).toEqual(['a', 'b', 'c', 'd']);
  });

  it('tell those whom they send away to come again, however often', async () => {
    void acquire('a', 'narrow');
    void acquire('b', 'narrow');
    void acquire('c', 'narrow');
    const away = slots.acquire('narrow', 0, {});
    await expect(away).rejects.toThrow(RetryLater);
    await expect(away).rejects.toMatchObject({ counts: false, delay: '5s' });
  });
});
