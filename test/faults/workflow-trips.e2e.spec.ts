import { randomUUID } from 'node:crypto';
import { DeliverMessages } from '../../src/workflows/commands/deliver-messages.js';
import { type App, bootApp } from '../support/app.js';
import { PatternPlayer } from '../support/pattern-player.js';
import { BASIC_CASES } from '../support/workflow-pattern-cases-basic.js';
import { patternFiles, readPattern } from '../support/workflow-patterns.js';
import { chain, type Draft, newKey, publish, WorkflowRun } from '../support/workflow-runs.js';
import { BrokenTrips } from './broken-trips.js';

const BASIC = 20;
const clock = { at: Date.now(), now: () => new Date(clock.at) };
const keys = new Map<number, string>();

let app: App;
let trips: BrokenTrips;

/** What an instance has asked for, by its history, beside what there is of it. */
const ASKED_FOR = `
  with asked as (
    select event->'wait'->>'for' as what from workflows.history, json_array_elements(events) as event
    where instance_id = $1 and event->>'type' = 'token_waiting')
  select (select count(*)::int from asked where what = 'job') as jobs,
         (select count(*)::int from tasks.task where reply_to->'mark'->>'instance_id' = $1::text) as tasks,
         (select count(*)::int from asked where what = 'human') as people,
         (select count(*)::int from workflows.user_task where instance_id = $1) as user_tasks`;

describe('a workflow whose process is killed after each statement of each command', () => {
  beforeAll(async () => {
    app = await bootApp({ env: { TASKS_EXTERNAL_KINDS: 'played' }, clock, shared: true });
    for (const file of patternFiles.slice(0, BASIC)) {
      const text = JSON.stringify(readPattern(file)).replaceAll('"task:noop"', '"task:played"');
      keys.set(Number(file.slice(0, 2)), await publish(app, JSON.parse(text) as Draft));
    }
    trips = new BrokenTrips();
  });
  afterAll(async () => {
    trips.restore();
    await app.stop();
  });

  it.each(BASIC_CASES)(
    '$pattern does its steps once, in their order, when $when',
    async ({ pattern, script, expect: order, status }) => {
      const before = trips.count;
      const stage = { app, clock, perform: (act: () => Promise<unknown>) => trips.perform(act) };
      const player = await PatternPlayer.start(stage, keys.get(pattern) ?? '', script);
      await player.play();
      expect(await player.steps()).toBe(order);
      expect(await player.run.view()).toMatchObject({
        status: status ?? 'completed',
        incidents: 0,
      });
      await player.run.expectHistoryToGiveState();
      const [asked] = await app.sql<Record<string, number>>(ASKED_FOR, [player.run.id]);
      expect(asked).toMatchObject({ tasks: asked?.['jobs'], user_tasks: asked?.['people'] });
      expect(trips.count - before).toBeGreaterThan(2);
    },
  );

  it('takes a message once that its sender sends again, because he does not know', async () => {
    const message = { name: 'twice', key: null, data: null, id: randomUUID(), ttl: 60 };
    const wait = (id: string) => ({ id, type: 'wait', message: { name: message.name } });
    const key = await publish(app, chain(newKey(), [wait('first'), wait('second')]));
    const run = await WorkflowRun.start(app, key);
    await trips.perform(() => app.execute(new DeliverMessages([message])));
    expect(await run.waiting()).toEqual(['second']);
    expect(await app.sql('select id from workflows.buffered_message')).toEqual([]);
    await run.expectHistoryToGiveState();
  });
});
