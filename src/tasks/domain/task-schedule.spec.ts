import fc from 'fast-check';
import { TaskSchedule, type TaskScheduleSpec } from './task-schedule.js';
import { BrokenCron, UnknownTimeZone } from './task.errors.js';

const ID = '019aa3a4-5b6c-7d8e-9f00-112233445566';
const NOON = new Date('2026-03-10T12:00:00Z');

function scheduled(spec: Partial<TaskScheduleSpec>, now = NOON): TaskSchedule {
  const defaults: TaskScheduleSpec = {
    name: 'test',
    cron: '0 * * * *',
    timeZone: 'UTC',
    task: {},
    missed: 'skip',
    paused: false,
  };
  return TaskSchedule.create({ ...defaults, ...spec }, ID, now);
}

const after = (date: Date, ms: number) => new Date(date.getTime() + ms);
const runs = (schedule: TaskSchedule, count: number, from: string) =>
  schedule.nextRuns(count, new Date(from)).map((run) => run.toISOString());

describe('a schedule', () => {
  it('starts at its next occurrence, not now', () => {
    expect(scheduled({}).state.nextRunAt).toEqual(new Date('2026-03-10T13:00:00Z'));
    expect(scheduled({ cron: '*/10 * * * * *' }).state.nextRunAt).toEqual(after(NOON, 10_000));
  });

  it.each([
    ['99 * * * *', BrokenCron],
    ['* * * *', BrokenCron],
    ['* * * * * * *', BrokenCron],
    ['every day', BrokenCron],
    ['0 0 30 2 *', BrokenCron], // there is no 30th of February
  ])('refuses %s', (cron, error) => {
    expect(() => scheduled({ cron })).toThrow(error);
  });

  it('refuses a time zone that is not there', () => {
    expect(() => scheduled({ timeZone: 'Europe/Atlantis' })).toThrow(UnknownTimeZone);
  });

  it('is due from the instant of its occurrence until it is advanced', () => {
    const schedule = scheduled({});
    const at = new Date('2026-03-10T13:00:00Z');
    expect(schedule.dueAt(after(at, -1))).toBeUndefined();
    expect(schedule.dueAt(at)).toEqual(at);
    expect(schedule.dueAt(after(at, 900))).toEqual(at);
    schedule.advance(after(at, 900), { at, taskId: ID });
    expect(schedule.dueAt(after(at, 900))).toBeUndefined();
    expect(schedule.state).toMatchObject({ lastRunAt: at, lastTaskId: ID });
    expect(schedule.state.nextRunAt).toEqual(new Date('2026-03-10T14:00:00Z'));
  });

  it('makes up for an outage with one run, or with none', () => {
    const back = new Date('2026-03-12T09:30:00Z'); // 44 occurrences later
    expect(scheduled({ missed: 'run_once' }).dueAt(back)).toEqual(new Date('2026-03-12T09:00:00Z'));
    const skipping = scheduled({ missed: 'skip' });
    expect(skipping.dueAt(back)).toBeUndefined();
    skipping.advance(back);
    expect(skipping.state.nextRunAt).toEqual(new Date('2026-03-12T10:00:00Z'));
  });

  it('takes a delay of less than a minute for no outage', () => {
    expect(scheduled({ missed: 'skip' }).dueAt(new Date('2026-03-10T13:00:59Z'))).toBeDefined();
    expect(scheduled({ missed: 'skip' }).dueAt(new Date('2026-03-10T13:01:01Z'))).toBeUndefined();
  });

  it('is never due while paused, and goes on from the moment it is resumed', () => {
    const schedule = scheduled({ missed: 'run_once' });
    schedule.change({ paused: true }, NOON);
    const later = new Date('2026-03-11T12:10:00Z');
    expect(schedule.dueAt(later)).toBeUndefined();
    expect(schedule.nextRuns(3, later)).toEqual([]);
    schedule.change({ paused: false }, later);
    expect(schedule.state.nextRunAt).toEqual(new Date('2026-03-11T13:00:00Z'));
  });

  it('keeps its due occurrence when only its name changes', () => {
    const schedule = scheduled({});
    schedule.change({ name: 'other' }, new Date('2026-03-10T13:00:01Z'));
    expect(schedule.dueAt(new Date('2026-03-10T13:00:02Z'))).toEqual(
      new Date('2026-03-10T13:00:00Z'),
    );
  });

  it('runs every occurrence once, in order, however irregularly it is looked at', () => {
    const pauses = fc.array(fc.integer({ min: 1, max: 45_000 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(
        fc.constantFrom('* * * * *', '*/2 * * * *', '7 * * * * *'),
        pauses,
        (cron, gaps) => {
          const schedule = scheduled({ cron });
          let now = NOON;
          const made: number[] = [];
          for (const gap of gaps) {
            now = after(now, gap);
            const at = schedule.dueAt(now);
            if (at === undefined) continue;
            made.push(at.getTime());
            schedule.advance(now, { at, taskId: ID });
          }
          const expected = scheduled({ cron })
            .nextRuns(100, NOON)
            .filter((run) => run <= now);
          expect(made).toEqual(expected.map((run) => run.getTime()));
        },
      ),
    );
  });
});

describe('when the clocks change', () => {
  const berlin = (cron: string) => scheduled({ cron, timeZone: 'Europe/Berlin' });

  it('runs a daily time that does not exist when the gap ends', () => {
    expect(runs(berlin('30 2 * * *'), 3, '2026-03-28T00:00:00Z')).toEqual([
      '2026-03-28T01:30:00.000Z',
      '2026-03-29T01:00:00.000Z', // 02:30 is not on the clock: it goes from 02:00 to 03:00
      '2026-03-30T00:30:00.000Z',
    ]);
  });

  it('runs a daily time that comes twice once', () => {
    expect(runs(berlin('30 2 * * *'), 2, '2026-10-24T12:00:00Z')).toEqual([
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
    ]);
  });

  it('goes on every half hour in both hours that bear the same name', () => {
    expect(runs(berlin('*/30 * * * *'), 5, '2026-10-25T00:00:00Z')).toEqual([
      '2026-10-25T00:30:00.000Z',
      '2026-10-25T01:00:00.000Z',
      '2026-10-25T01:30:00.000Z',
      '2026-10-25T02:00:00.000Z',
      '2026-10-25T02:30:00.000Z',
    ]);
  });

  it('is due once on each of these days', () => {
    const schedule = scheduled(
      { cron: '30 2 * * *', timeZone: 'Europe/Berlin' },
      new Date('2026-10-24T12:00:00Z'),
    );
    const first = new Date('2026-10-25T00:30:00Z');
    expect(schedule.dueAt(first)).toEqual(first);
    schedule.advance(first, { at: first, taskId: ID });
    expect(schedule.dueAt(new Date('2026-10-25T01:30:00Z'))).toBeUndefined(); // 02:30 again, an hour later
  });
});
