import { type App, bootApp } from '../support/app.js';
import { PatternPlayer } from '../support/pattern-player.js';
import { BASIC_CASES } from '../support/workflow-pattern-cases-basic.js';
import { FURTHER_CASES } from '../support/workflow-pattern-cases-further.js';
import { patternFiles, readPattern } from '../support/workflow-patterns.js';
import { type Draft, publish } from '../support/workflow-runs.js';

const clock = { at: Date.now(), now: () => new Date(clock.at) };

let app: App;
const keys = new Map<number, string>();

describe('the workflow patterns, through Postgres', () => {
  beforeAll(async () => {
    // Of a kind that nobody here works on, so that the test decides when and how each job ends.
    app = await bootApp({ env: { TASKS_EXTERNAL_KINDS: 'played' }, clock, shared: true });
    for (const file of patternFiles) {
      const text = JSON.stringify(readPattern(file)).replaceAll('"task:noop"', '"task:played"');
      const draft = JSON.parse(text) as Draft;
      keys.set(Number(file.slice(0, 2)), await publish(app, draft));
    }
  });
  afterAll(() => app.stop());

  it.each([...BASIC_CASES, ...FURTHER_CASES])(
    '$pattern does its steps when $when',
    async ({ pattern, script, expect: order, status }) => {
      const player = await PatternPlayer.start({ app, clock }, keys.get(pattern) ?? '', script);
      await player.play();
      expect(await player.steps()).toBe(order);
      expect(await player.run.view()).toMatchObject({
        status: status ?? 'completed',
        incidents: 0,
      });
      await player.run.expectHistoryToGiveState();
    },
  );
});
