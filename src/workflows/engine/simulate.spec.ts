import { final, START, task, workflow } from '../../../test/support/workflow-instance.js';
import { simulate } from './simulate.js';

const HOUR_MS = 3_600_000;

describe('a simulation', () => {
  const late = { timer: 'PT1H', outcome: 'late', interrupting: false, repeat: true };
  const definition = workflow(
    [START, task('a', { on: [late] }), final('remind'), final('b', { config: { to: '=mail' } })],
    ['start>a', 'a[late]>remind', 'a>b'],
  );

  it('lets time pass as work and timers need it', () => {
    const played = simulate(definition, {
      endings: { a: { after_ms: 2.5 * HOUR_MS }, remind: {}, b: { after_ms: 1_000 } },
    });
    expect(played.steps).toEqual([
      { node: 'start', outcome: 'done', after_ms: 0 },
      { node: 'remind', outcome: 'done', after_ms: HOUR_MS },
      { node: 'remind', outcome: 'done', after_ms: 2 * HOUR_MS },
      { node: 'a', outcome: 'done', after_ms: 2.5 * HOUR_MS },
      { node: 'b', outcome: 'done', after_ms: 2.5 * HOUR_MS + 1_000 },
    ]);
    expect(played).toMatchObject({ status: 'completed', took_ms: 2.5 * HOUR_MS + 1_000 });
  });

  it('leaves waiting what the script says nothing of, and stops when its time is up', () => {
    const played = simulate(definition, { until_ms: 3 * HOUR_MS, endings: { remind: {} } });
    expect(played.waiting).toEqual([{ node: 'a', for: 'human' }]);
    expect(played.steps.filter(({ node }) => node === 'remind')).toHaveLength(3);
  });

  it('stops within a decision, too, when it has no more time', () => {
    const many = workflow([START, final('a', { each: { count: 100_000 } })], ['start>a']);
    let asked = 0;
    const played = simulate(many, { endings: { a: {} }, isOverdue: () => (asked += 1) > 10 });
    expect(played.stopped_by).toBe('time');
    expect(asked).toBe(11);
  });

  it('shows incidents, failures and what came in vain', () => {
    const error = { code: 'E1', message: 'no luck' };
    const played = simulate(definition, {
      until_ms: 0,
      endings: { a: { error } },
      arrivals: [{ after_ms: 0, command: { type: 'signal', name: 'nobody' } }],
    });
    expect(played.incidents).toEqual([{ node: 'a', message: 'no luck' }]);
    expect(played.rejections).toMatchObject([{ code: 'nobody-waits' }]);
  });
});
