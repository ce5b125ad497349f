import { compileTimer, timerProblem } from './timer.js';

const NOW = Date.parse('2030-01-31T12:00:00Z');
const at = (spec: Parameters<typeof compileTimer>[0], variables: Record<string, unknown> = {}) =>
  new Date(compileTimer(spec)((name) => variables[name], NOW)).toISOString();

describe('timers', () => {
  it.each([
    ['PT15M', '2030-01-31T12:15:00.000Z'],
    ['P1DT1.5S', '2030-02-01T12:00:01.500Z'],
    ['P2W', '2030-02-14T12:00:00.000Z'],
    ['P1Y', '2031-01-31T12:00:00.000Z'],
    ['2031-05-05T10:00:00+02:00', '2031-05-05T08:00:00.000Z'],
  ])('%s is %s', (spec, expected) => {
    expect(at(spec)).toBe(expected);
  });

  it('may be an expression', () => {
    expect(at('=config.patience', { config: { patience: 'PT1H' } })).toBe(
      '2030-01-31T13:00:00.000Z',
    );
    expect(at('=duration("30s")')).toBe('2030-01-31T12:00:30.000Z');
  });

  it('may be a cron expression in a time zone', () => {
    expect(at({ cron: '0 9 * * *', time_zone: 'Europe/Berlin' })).toBe('2030-02-01T08:00:00.000Z');
  });

  it.each(['P', 'PT', '15 minutes', 'yesterday'])('refuses %s', (spec) => {
    expect(timerProblem(spec)).toMatch(/neither duration nor instant/);
  });

  it.each([
    '2030-13-01T00:00:00Z',
    '2030-01-01T25:00:00Z',
    'P9000Y',
    'P999999999999Y',
    `P${'9'.repeat(400)}D`,
  ])('refuses %s, which no clock shows', (spec) => {
    expect(timerProblem(spec)).toMatch(/no instant, or one after the year 9999/);
    expect(() => at('=given', { given: spec })).toThrow(/no instant/);
  });

  it('refuses a broken cron expression', () => {
    expect(timerProblem({ cron: 'every day', time_zone: 'UTC' })).toBeDefined();
  });
});
