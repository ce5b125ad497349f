import fc from 'fast-check';
import { DomainError } from '../../../kernel/domain/domain-error.js';
import { type BetRequest, decide, type OpenEvent, type Picture } from './placement.js';

const NOW = new Date('2025-11-21T12:00:00Z');
const EVENT: OpenEvent = {
  version: 3,
  ratio: 2_000,
  deadline: new Date('2025-11-21T12:00:01Z'),
  status: 'open',
};

function picture(event: Partial<OpenEvent> = {}, cash = 1_000n): Picture {
  return {
    now: NOW,
    isFresh: true,
    events: new Map([['e', { ...EVENT, ...event }]]),
    purses: new Map([['ada', { cash, dayLoss: 0n }]]),
    liabilities: new Map([['e', 0n]]),
    limits: { minStake: 10n, maxStake: 900n, eventLiability: 2_000n, dailyLoss: 1_500n },
  };
}
const request = (more: Partial<BetRequest> = {}): BetRequest => ({
  eventId: 'e',
  stake: 100n,
  odds: undefined,
  policy: 'exact',
  eventVersion: undefined,
  ...more,
});
const codeOf = (requests: readonly BetRequest[], given: Picture) => {
  const decided = decide('ada', requests, given);
  return decided instanceof DomainError ? decided.code : 'accepted';
};

describe('a bet', () => {
  it('locks the odds and the version of the event', () => {
    expect(decide('ada', [request()], picture())).toEqual([
      { ownerId: 'ada', eventId: 'e', eventVersion: 3, stake: 100n, odds: 2_000, payout: 200n },
    ]);
  });

  it.each<[string, Partial<OpenEvent>]>([
    ['suspended', { status: 'suspended' }],
    ['closed', { status: 'closed' }],
    ['resulted', { status: 'resulted' }],
    ['at its deadline', { deadline: NOW }],
  ])('is refused on an event that is %s', (_, event) => {
    expect(codeOf([request()], picture(event))).toBe('event-not-open');
  });

  it('is refused on an unknown event, and on any while the line is silent', () => {
    expect(codeOf([request({ eventId: 'f' })], picture())).toBe('event-not-found');
    expect(codeOf([request()], { ...picture(), isFresh: false })).toBe('line-is-silent');
  });

  it.each<[BetRequest['policy'], number, number, string]>([
    ['exact', 1_900, 3, 'offer-changed'],
    ['exact', 2_100, 3, 'offer-changed'],
    ['exact', 2_000, 2, 'offer-changed'],
    ['exact', 2_000, 3, 'accepted'],
    ['better', 1_900, 2, 'accepted'],
    ['better', 2_100, 3, 'offer-changed'],
    ['any', 2_100, 1, 'accepted'],
  ])(
    'with policy %s, odds of %d and version %d seen, is %s',
    (policy, odds, eventVersion, code) => {
      expect(codeOf([request({ policy, odds, eventVersion })], picture())).toBe(code);
    },
  );

  it.each<[string, bigint, Picture]>([
    ['stake-out-of-range', 9n, picture()],
    ['stake-out-of-range', 901n, picture()],
    ['insufficient-funds', 101n, picture({}, 100n)],
    [
      'daily-loss-reached',
      501n,
      { ...picture(), purses: new Map([['ada', { cash: 900n, dayLoss: 1_000n }]]) },
    ],
    ['event-liability-reached', 101n, { ...picture(), liabilities: new Map([['e', 1_900n]]) }],
  ])('breaks %s with a stake of %d', (code, stake, given) => {
    expect(codeOf([request({ stake })], given)).toBe(code);
    expect(
      codeOf([request({ stake: code === 'stake-out-of-range' ? 10n : stake - 1n })], given),
    ).toBe('accepted');
  });
});

describe('several bets of one request', () => {
  it('are all or none, and the one that is refused is named', () => {
    const given = picture({}, 250n);
    const decided = decide('ada', [request(), request(), request()], given);
    expect(decided).toMatchObject({
      code: 'insufficient-funds',
      details: { errors: [{ field: '[2].sum_bet' }] },
    });
    expect(given.purses.get('ada')).toEqual({ cash: 250n, dayLoss: 0n });
    expect(given.liabilities.get('e')).toBe(0n);
  });

  it('never take more than there is, whatever comes in whatever order', () => {
    const stakes = fc.array(fc.array(fc.bigInt({ min: 1n, max: 1_000n }), { maxLength: 4 }), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(stakes, fc.bigInt({ min: 0n, max: 3_000n }), (requests, cash) => {
        const given = picture({}, cash);
        const accepted = requests.flatMap((some) => {
          const decided = decide(
            'ada',
            some.map((stake) => request({ stake })),
            given,
          );
          return decided instanceof DomainError ? [] : decided;
        });
        const staked = accepted.reduce((sum, bet) => sum + bet.stake, 0n);
        const purse = given.purses.get('ada');
        expect(purse).toEqual({ cash: cash - staked, dayLoss: staked });
        expect(staked <= cash && staked <= 1_500n).toBe(true);
        expect(given.liabilities.get('e')).toBe(staked);
        expect(staked <= 2_000n).toBe(true);
      }),
    );
  });
});
