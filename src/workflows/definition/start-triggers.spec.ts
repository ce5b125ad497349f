import fc from 'fast-check';
import {
  dueOccurrence,
  firstOccurrence,
  nextOccurrence,
  type StartTimer,
} from './start-triggers.js';

const NOON = new Date('2026-03-10T12:00:00Z');
const after = (date: Date, ms: number) => new Date(date.getTime() + ms);
const cron = (text: string, more: object = {}): StartTimer => {
  return { cron: text, time_zone: 'UTC', missed: 'skip', ...more };
};

describe('the occurrences of a start timer', () => {
  it('are none for an instant that is over, and one for any other or a duration', () => {
    expect(firstOccurrence('2026-03-10T11:59:59Z', NOON)).toBeNull();
    expect(firstOccurrence('2026-03-10T13:00:00+01:00', NOON)).toBeNull();
    expect(firstOccurrence('2026-03-10T14:00:00+01:00', NOON)).toEqual(after(NOON, 3_600_000));
    expect(firstOccurrence('PT1H', NOON)).toEqual(after(NOON, 3_600_000));
    expect(nextOccurrence('PT1H', NOON)).toBeNull();
  });

  it('are missed after a minute, and then left out or made up for by the last one', () => {
    const planned = new Date('2026-03-10T13:00:00Z');
    const back = new Date('2026-03-12T09:30:00Z');
    expect(dueOccurrence(cron('0 * * * *'), planned, after(planned, 59_000))).toEqual(planned);
    expect(dueOccurrence(cron('0 * * * *'), planned, back)).toBeUndefined();
    expect(dueOccurrence(cron('0 * * * *', { missed: 'run_once' }), planned, back)).toEqual(
      new Date('2026-03-12T09:00:00Z'),
    );
    expect(dueOccurrence('2026-03-10T13:00:00Z', planned, back)).toEqual(planned);
  });

  it('of a day on which a time does not exist, or exists twice, are one', () => {
    const daily = cron('30 2 * * *', { time_zone: 'Europe/Berlin' });
    const gap = new Date('2026-03-29T00:00:00Z');
    expect(firstOccurrence(daily, gap)).toEqual(new Date('2026-03-29T01:00:00Z'));
    const first = new Date('2026-10-25T00:30:00Z');
    expect(firstOccurrence(daily, new Date('2026-10-24T12:00:00Z'))).toEqual(first);
    expect(nextOccurrence(daily, first)).toEqual(new Date('2026-10-26T01:30:00Z'));
  });

  it('come once each and in their order, however late they are looked at', () => {
    const delays = fc.array(fc.integer({ min: 0, max: 59_000 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(
        fc.constantFrom('* * * * *', '*/2 * * * *', '7 * * * * *'),
        delays,
        (text, late) => {
          const timer = cron(text);
          let planned = firstOccurrence(timer, NOON) ?? NOON;
          const made: number[] = [];
          for (const delay of late) {
            const now = after(planned, delay);
            const at = dueOccurrence(timer, planned, now);
            if (at) made.push(at.getTime());
            planned = nextOccurrence(timer, now) ?? planned;
            expect(planned > now).toBe(true);
          }
          expect(made).toEqual([...new Set(made)].sort((a, b) => a - b));
          expect(made).toHaveLength(late.length);
        },
      ),
    );
  });
});
