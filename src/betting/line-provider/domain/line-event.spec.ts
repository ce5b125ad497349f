import fc from 'fast-check';
import { DomainError } from '../../../kernel/domain/domain-error.js';
import {
  DeadlineNotInFuture,
  LineEventAlreadySettled,
  LineEventClosed,
  LineEventNotSettled,
  LineEventVersionStale,
} from './line-event.errors.js';
import {
  type Goal,
  type LineChange,
  type LineEventState,
  LOST,
  VOID,
  WON,
} from './line-event.state.js';
import { LineEvent } from './line-event.js';

const NOON = new Date('2026-03-10T12:00:00Z');
const after = (minutes: number) => new Date(NOON.getTime() + minutes * 60_000);

function opened(status: 'open' | 'suspended' = 'open'): LineEvent {
  const event = LineEvent.create({ id: 'e-17', ratio: 1_850, deadline: after(60), status }, NOON);
  event.releaseEvents();
  return event;
}

const change = (event: LineEvent, wanted: Omit<LineChange, 'eventId'>, now = after(1)) => {
  event.change({ eventId: 'e-17', ...wanted }, now);
};
const to = (event: LineEvent, status: 'open' | 'suspended' | 'closed', now = after(1)) => {
  change(event, { goal: { to: status } }, now);
};
const settle = (event: LineEvent, ending = WON, again = false) => {
  change(event, { goal: { to: 'settled', ending, again } });
};
const told = (event: LineEvent) => event.releaseEvents().map(({ data }) => data);

function errorOf(work: () => void): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('an event of the line', () => {
  it('begins as version 1, and tells it', () => {
    const event = LineEvent.create(
      { id: 'e-17', ratio: 1_850, deadline: after(60), status: 'open' },
      NOON,
    );
    expect(event.state).toMatchObject({ version: 1, status: 'open', result: null });
    expect(event.releaseEvents()).toEqual([
      { type: 'line-provider.event-changed.v1', key: 'e-17', data: event.state },
    ]);
  });

  it('cannot begin after its deadline', () => {
    const late = { id: 'e-17', ratio: 1_850, deadline: NOON, status: 'open' } as const;
    expect(() => LineEvent.create(late, NOON)).toThrow(DeadlineNotInFuture);
  });

  it('is suspended and resumed, each time as a version', () => {
    const event = opened();
    to(event, 'suspended');
    to(event, 'open');
    expect(told(event).map(({ version, status }) => [version, status])).toEqual([
      [2, 'suspended'],
      [3, 'open'],
    ]);
  });

  it('changes odds, deadline and status as one version', () => {
    const event = opened();
    change(event, { ratio: 2_000, deadline: after(90), goal: { to: 'suspended' } });
    expect(told(event)).toEqual([
      expect.objectContaining({
        version: 2,
        ratio: 2_000,
        deadline: after(90),
        status: 'suspended',
        changedAt: after(1),
      }),
    ]);
  });

  it('takes what is so already for no change', () => {
    const event = opened();
    change(event, { ratio: 1_850, deadline: new Date(after(60)), goal: { to: 'open' } });
    change(event, {});
    expect([told(event), event.state.version]).toEqual([[], 1]);
  });

  it('refuses who has seen another version', () => {
    const event = opened();
    change(event, { version: 1, ratio: 2_000 });
    expect(() => {
      change(event, { version: 1, ratio: 3_000 });
    }).toThrow(LineEventVersionStale);
    expect(event.state.ratio).toBe(2_000);
  });

  it('refuses a deadline that has passed', () => {
    expect(() => {
      change(opened(), { deadline: after(1) });
    }).toThrow(DeadlineNotInFuture);
  });

  it('is closed at its deadline, which stays what it is', () => {
    const event = opened();
    event.closeIfDue(after(59));
    expect(event.state.status).toBe('open');
    event.closeIfDue(after(60));
    event.closeIfDue(after(61));
    expect(told(event)).toEqual([
      expect.objectContaining({ version: 2, status: 'closed', deadline: after(60) }),
    ]);
  });

  it('is closed by whatever comes after its deadline, and changed no more', () => {
    const event = opened('suspended');
    expect(() => {
      change(event, { ratio: 2_000 }, after(60));
    }).toThrow(LineEventClosed);
    const other = opened();
    to(other, 'closed', after(61));
    expect(told(other)).toEqual([expect.objectContaining({ version: 2, deadline: after(60) })]);
  });

  it('has its deadline moved to the instant at which it is closed early', () => {
    const event = opened();
    to(event, 'closed', after(30));
    expect(event.state).toMatchObject({ status: 'closed', deadline: after(30), version: 2 });
  });

  it.each(['open', 'suspended'] as const)('once closed is never %s again', (status) => {
    const event = opened();
    to(event, 'closed');
    expect(() => {
      to(event, status);
    }).toThrow(LineEventClosed);
  });

  it('names every field that can no longer be changed', () => {
    const event = opened();
    to(event, 'closed');
    const late = () => {
      event.change({ eventId: 'e-17', ratio: 2_000, deadline: after(99) }, after(2), '[3]');
    };
    expect(errorOf(late)).toMatchObject({
      details: { errors: [{ field: '[3].ratio' }, { field: '[3].deadline' }] },
    });
  });

  it('is closed on its way to an end, as a version of its own', () => {
    const event = opened();
    settle(event);
    expect(told(event).map(({ version, status, result }) => [version, status, result])).toEqual([
      [2, 'closed', null],
      [3, 'resulted', { ...WON, settlement: 1 }],
    ]);
  });

  it('has one end: the same again changes nothing, another is refused', () => {
    const event = opened();
    settle(event, LOST);
    settle(event, LOST);
    expect(told(event)).toHaveLength(2);
    expect(() => {
      settle(event, WON);
    }).toThrow(LineEventAlreadySettled);
    expect(() => {
      settle(event, VOID);
    }).toThrow(LineEventAlreadySettled);
  });

  it('is resettled under the next number, also to void and back', () => {
    const event = opened();
    settle(event, LOST);
    told(event);
    settle(event, WON, true);
    settle(event, { ...WON, deadHeat: 500 }, true);
    settle(event, VOID, true);
    settle(event, LOST, true);
    settle(event, LOST, true);
    expect(told(event).map(({ status, result }) => [status, result?.settlement])).toEqual([
      ['resulted', 2],
      ['resulted', 3],
      ['voided', 4],
      ['resulted', 5],
    ]);
  });

  it('cannot be resettled before it is settled', () => {
    const event = opened();
    expect(() => {
      settle(event, WON, true);
    }).toThrow(LineEventNotSettled);
    expect(told(event)).toEqual([]);
  });
});

const ALLOWED: Readonly<Record<LineEventState['status'], readonly string[]>> = {
  open: ['open', 'suspended', 'closed'],
  suspended: ['suspended', 'open', 'closed'],
  closed: ['resulted', 'voided'],
  resulted: ['resulted', 'voided'],
  voided: ['voided', 'resulted'],
};

const anyGoal: fc.Arbitrary<Goal | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.constantFrom('open', 'suspended', 'closed').map((status) => ({ to: status })),
  fc
    .tuple(fc.constantFrom(WON, LOST, VOID, { ...WON, voidShare: 500 }), fc.boolean())
    .map(([ending, again]) => ({ to: 'settled' as const, ending, again })),
);
const anyStep = fc.record({
  minutes: fc.integer({ min: 0, max: 20 }),
  ratio: fc.option(fc.integer({ min: 1_001, max: 9_000 }), { nil: undefined }),
  deadline: fc.option(fc.integer({ min: -5, max: 60 }), { nil: undefined }),
  goal: anyGoal,
  version: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
});

describe('whatever is done to an event', () => {
  it('its versions have no gaps, its states follow each other as they may, and its settlements are numbered', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 25 }), (steps) => {
        let event = opened();
        let now = NOON;
        const history: LineEventState[] = [event.state];
        for (const { minutes, deadline, ...wanted } of steps) {
          now = new Date(now.getTime() + minutes * 60_000);
          const until =
            deadline === undefined ? undefined : new Date(now.getTime() + deadline * 1e3);
          const copy = event.copy();
          try {
            copy.change({ eventId: 'e-17', ...wanted, deadline: until }, now);
            event = copy;
            history.push(...told(event));
          } catch (error) {
            expect(error).toBeInstanceOf(DomainError);
          }
        }
        history.slice(1).forEach((state, index) => {
          const before = history[index]!;
          expect(state.version).toBe(before.version + 1);
          expect(ALLOWED[before.status]).toContain(state.status);
          expect(state.status === 'resulted' || state.status === 'voided').toBe(!!state.result);
          const settled = (before.result?.settlement ?? 0) + 1;
          if (state.result) expect(state.result.settlement).toBe(settled);
          if (before.status === 'closed') expect(state.deadline).toEqual(before.deadline);
          if (state.status === 'closed') {
            expect(state.deadline.getTime()).toBeLessThanOrEqual(state.changedAt.getTime());
          }
        });
      }),
      { numRuns: 500 },
    );
  });
});
