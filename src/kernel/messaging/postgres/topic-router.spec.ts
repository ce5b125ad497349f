import { TopicRouter } from './topic-router.js';

describe('TopicRouter', () => {
  it.each([
    ['orders.created', 'orders.created', true],
    ['orders.created', 'orders.created.v1', false],
    ['orders.*', 'orders.created', true],
    ['orders.*', 'orders', false],
    ['orders.*', 'orders.created.v1', false],
    ['*.created', 'orders.created', true],
    ['orders.#', 'orders', true],
    ['orders.#', 'orders.created.v1', true],
    ['#', 'anything.at.all', true],
    ['#', '', true],
    ['#.v1', 'v1', true],
    ['#.v1', 'orders.created.v1', true],
    ['#.v1', 'orders.created.v2', false],
    ['orders.#.v1', 'orders.v1', true],
    ['orders.#.v1', 'orders.a.b.v1', true],
    ['orders.#.*', 'orders', false],
    ['orders.#.*', 'orders.a.b', true],
    ['#.a.#.b', 'x.a.y.a.b', true],
    ['#.a.#.b', 'x.b.a', false],
    ['order+.created', 'orderr.created', false],
  ])('%s takes %s: %s', (pattern, key, expected) => {
    const router = new TopicRouter();
    router.add('events', pattern, 'q');
    expect(router.route('events', key)).toEqual(expected ? ['q'] : []);
  });

  it('names a queue once when several of its bindings match', () => {
    const router = new TopicRouter();
    router.add('events', 'a.*', 'q');
    router.add('events', '#', 'q');
    router.add('events', '#', 'r');
    expect(router.route('events', 'a.b')).toEqual(['q', 'r']);
  });

  it('keeps exchanges apart and forgets an answer when a binding is added', () => {
    const router = new TopicRouter();
    router.add('events', '#', 'q');
    expect(router.route('commands', 'a')).toEqual([]);
    router.add('commands', 'a', 'q');
    expect(router.route('commands', 'a')).toEqual(['q']);
    expect(router.has('commands', 'a', 'q')).toBe(true);
    expect(router.has('commands', 'a', 'r')).toBe(false);
  });
});
