import { randomUUID } from 'node:crypto';
import {
  type BrokerMessage,
  COMMANDS_EXCHANGE,
  EVENTS_EXCHANGE,
} from '../../src/kernel/messaging/broker.js';
import type { DeadLetterBody } from '../support/letters.js';
import { FIRST_DONE, type ScopeName } from './chain/chain.module.js';
import { ChainStand } from './chain/chain-stand.js';
import { Republisher } from './chain/republisher.js';
import { expectNothingLostNorDoubled } from './chain/verdict.js';
import { Chance } from './chance.js';

const LINKS = 100;
const COPIES = 10;
const GOOD = 10_000;
const POISON = 10;
const ATTEMPTS = 3;
const BATCH = 50;
const PREFETCH = 256;

describe('Messages', () => {
  let stand: ChainStand;

  beforeEach(async () => {
    stand = await ChainStand.start();
    await stand.spawn();
  });

  it('that come ten times, shuffled, late, old and among poison leave the same state as undisturbed ones', async () => {
    const republisher = await Republisher.listen(
      stand.broker,
      [
        { exchange: COMMANDS_EXCHANGE, routingKey: 'first' },
        { exchange: EVENTS_EXCHANGE, routingKey: FIRST_DONE },
      ],
      new Chance(),
    );
    await stand.load({ total: LINKS }).run();
    await stand.settled(20_000);
    const undisturbed = await state();
    await stand.sql('truncate chain.effect, kernel.inbox');

    await republisher.repeat(republisher.seen(COMMANDS_EXCHANGE), COPIES);
    await stand.settled(20_000);
    const events = republisher.seen(EVENTS_EXCHANGE).slice(LINKS); // those of the second run
    await republisher.repeat(events, COPIES, [unknownVersion, noJson, noLink]);
    const verdict = await stand.settled(20_000).then(() => stand.verdict());
    expect(await state()).toEqual(undisturbed);
    expect(verdict.duplicated).toBeGreaterThanOrEqual(LINKS * (COPIES - 1) * 3);
    const letters = await lettersOf('second');
    expect(letters.map(({ message_id: id, reason, attempts }) => [id, reason, attempts])).toEqual(
      expect.arrayContaining([
        [unknownVersion.id, expect.stringContaining('No handler for event'), 1],
        [noJson.id, expect.stringContaining('JSON'), 1],
        [noLink.id, expect.stringContaining('id:'), 1],
      ]),
    );
    expect(letters).toHaveLength(3);
    expectNothingLostNorDoubled(await stand.finish('disturbed messages', 10_000));
  }, 90_000);

  it.each([
    { scope: 'second', mostStarts: GOOD, mostOvertaken: 2 * PREFETCH },
    // A batch with poison in it is tried once more, one by one, while other batches go on.
    { scope: 'third', mostStarts: GOOD + POISON * ATTEMPTS * BATCH, mostOvertaken: GOOD / 2 },
  ] as const)(
    'of the scope $scope, 10,000 good ones, are not held up by poison, which dies and can be redriven',
    async ({ scope, mostStarts, mostOvertaken }) => {
      const faultOf = (n: number) => (n % 1_001 === 500 ? ('poison' as const) : undefined);
      const load = stand.load({ total: GOOD + POISON, to: scope, perOrder: 100, faultOf });
      await load.run();
      await stand.settled(60_000);

      const letters = await lettersOf(scope);
      expect(letters.map(({ reason, attempts }) => ({ reason, attempts }))).toEqual(
        Array(POISON).fill({ reason: 'gave up after 3 attempts: Error: poison', attempts: 3 }),
      );
      const poison = new Set(letters.map((letter) => letter.message_id));
      const poisonous = startsOf(scope, (id) => poison.has(id));
      expect(Math.max(...poisonous.map(({ attempt }) => attempt))).toBe(ATTEMPTS);
      const good = startsOf(scope, (id) => !poison.has(id));
      expect(good.length).toBeLessThanOrEqual(mostStarts);
      expect(good.filter(({ attempt }) => attempt > 1)).toEqual([]);
      expect(await overtakenBy(scope)).toBeLessThan(mostOvertaken);

      await stand.sql('insert into chain.mended select unnest($1::text[])', [[...poison]]);
      const { http } = stand.app();
      const redriven = await http.post('/dead-letters/redrive', { filter: { queue: scope } });
      expect(redriven.body).toMatchObject({ redriven: POISON });
      const verdict = await stand.finish(`poison among 10,000 in ${scope}`, 20_000);
      expectNothingLostNorDoubled(verdict);
      expect(verdict).toMatchObject({ dead: 0, effects: GOOD + POISON });
    },
    120_000,
  );

  const state = () => stand.sql('select scope, id, key from chain.effect order by scope, id');
  const lettersOf = async (queue: ScopeName) => {
    const path = `/dead-letters?queue=${queue}&limit=200`;
    return (await stand.app().http.get<{ items: DeadLetterBody[] }>(path)).body.items;
  };
  /** By how many places a good one was done later than it arrived. */
  const overtakenBy = async (scope: ScopeName) => {
    const done = await stand.sql<{ id: string }>('select id from chain.effect order by place');
    const isDone = new Set(done.map(({ id }) => id));
    const arrived = stand.journal.read().filter((note) => note.what === 'delivered');
    const ids = arrived.filter((note) => note.scope === scope).map(({ id }) => id);
    const place = new Map([...new Set(ids)].filter((id) => isDone.has(id)).map((id, n) => [id, n]));
    return Math.max(...done.map(({ id }, n) => n - (place.get(id) ?? 0)));
  };
  const startsOf = (scope: ScopeName, which: (id: string) => boolean) =>
    stand.journal
      .read()
      .filter((note) => note.what === 'started' && note.scope === scope && which(note.id));
});

/** Straight into a queue, whoever else would want it. */
function toSecond(more: Partial<BrokerMessage>): BrokerMessage {
  return {
    id: randomUUID(),
    exchange: EVENTS_EXCHANGE,
    routingKey: FIRST_DONE,
    headers: {},
    contentType: 'application/json',
    payload: Buffer.from('{}'),
    toQueue: 'second',
    ...more,
  };
}

const unknownVersion = toSecond({ routingKey: 'chain.first-done.v9' });
const noJson = toSecond({ payload: Buffer.from('{"id":') });
const noLink = toSecond({ payload: Buffer.from('{"key":"k"}') });
