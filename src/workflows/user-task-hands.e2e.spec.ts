import pg from 'pg';
import { type App, bootApp } from '../../test/support/app.js';
import { problemIn } from '../../test/support/http-client.js';
import { People } from '../../test/support/people.js';
import type { CommentView, UserTaskView } from './user-tasks.dto.js';

let app: App;
let people: People;

describe('user tasks go from hand to hand', () => {
  beforeAll(async () => {
    app = await bootApp({ env: { AUTH_MODE: 'required' }, shared: true });
    people = await People.of(app);
    await app.watch('workflows.user-task-assigned.v1', 'workflows.user-task-cancelled.v1');
  });
  afterAll(() => app.stop());

  const forClerks = { roles: ['clerk'] };
  const hands = ({ body: { status, assignee, owner } }: { body: UserTaskView }) => ({
    status,
    assignee,
    owner,
  });

  it('when who has claimed one assigns it, also to somebody who could not have claimed it', async () => {
    const { ann, ben, cleo } = people;
    const { task } = await people.start(forClerks);
    const toCleo = { assignee: cleo.id };
    expect((await people.act(ben, task, 'assign', toCleo)).status).toBe(403);
    await people.act(ann, task, 'claim');
    expect((await people.act(ben, task, 'assign', toCleo)).status).toBe(403);
    const assigned = await people.act(ann, task, 'assign', toCleo);
    expect(hands(assigned)).toEqual({ status: 'claimed', assignee: cleo.id, owner: null });
    expect(await people.ids(cleo, '')).toContain(task.id);
    expect((await people.act(ann, task, 'complete')).status).toBe(403);
    const away = await people.act(cleo, task, 'assign', { assignee: ann.id });
    expect(hands(away)).toEqual({ status: 'claimed', assignee: ann.id, owner: null });
    expect((await people.get(cleo, `/user-tasks/${task.id}`)).status).toBe(404);
    expect((await people.act(cleo, task, 'complete')).status).toBe(403);
  });

  it('when an operator assigns one that nobody has, or takes it from somebody', async () => {
    const { boss, ann, ben } = people;
    const { task } = await people.start(forClerks);
    const assigned = await people.act(boss, task, 'assign', { assignee: ann.id });
    expect(hands(assigned)).toEqual({ status: 'claimed', assignee: ann.id, owner: null });
    await app.outbox.expect('workflows.user-task-assigned.v1', {
      user_task_id: task.id,
      assignee: ann.id,
      assigned_by: boss.id,
    });
    expect((await people.act(boss, task, 'assign', { assignee: ben.id })).status).toBe(200);
    expect(hands(await people.act(boss, task, 'release'))).toMatchObject({ status: 'created' });
  });

  it('when they are delegated, and come back to who is accountable', async () => {
    const { ann, ben, cleo } = people;
    const { task } = await people.start(forClerks);
    const unclaimed = await people.act(ann, task, 'delegate', { assignee: cleo.id });
    expect(problemIn(unclaimed)).toMatchObject({
      status: 409,
      type: '/problems/user-task-unclaimed',
    });
    await people.act(ann, task, 'claim');
    const delegated = await people.act(ann, task, 'delegate', { assignee: cleo.id });
    expect(hands(delegated)).toEqual({ status: 'claimed', assignee: cleo.id, owner: ann.id });
    expect((await people.act(ann, task, 'complete')).status).toBe(403);
    expect((await people.act(ben, task, 'claim')).status).toBe(409);
    const back = await people.act(cleo, task, 'release');
    expect(hands(back)).toEqual({ status: 'claimed', assignee: ann.id, owner: null });
    await people.act(ann, task, 'delegate', { assignee: cleo.id });
    expect(hands(await people.act(ann, task, 'claim'))).toMatchObject({ assignee: ann.id });
    await people.act(ann, task, 'delegate', { assignee: cleo.id });
    const done = await people.act(cleo, task, 'complete', { outcome: 'packed' });
    expect(done.body).toMatchObject({ status: 'completed', completed_by: cleo.id, owner: ann.id });
  });

  it('by message, too', async () => {
    const { ann, ben } = people;
    const { task } = await people.start(forClerks);
    const send = (act: string, body: object = {}) =>
      app.send('workflows', `user-tasks/${task.id}/${act}`, body, { headers: ann.bearer });
    await send('claim');
    await app.settle();
    await send('comment', { text: 'Ben knows the shelf' });
    await send('delegate', { assignee: ben.id });
    await app.settle();
    const { body } = await people.get(ben, `/user-tasks/${task.id}`);
    expect(body).toMatchObject({ assignee: ben.id, owner: ann.id });
    const said = await people.get<{ items: CommentView[] }>(ben, `/user-tasks/${task.id}/comments`);
    expect(said.body.items).toMatchObject([{ author: ann.id, text: 'Ben knows the shelf' }]);
  });

  it('only as long as they are open', async () => {
    const { ann, ben } = people;
    const { task } = await people.start(forClerks);
    await people.act(ann, task, 'complete');
    for (const act of ['claim', 'release', 'assign', 'delegate', 'complete']) {
      const body = ['assign', 'delegate'].includes(act) ? { assignee: ben.id } : {};
      const problem = problemIn(await people.act(ann, task, act, body));
      expect([act, problem.status, problem.type]).toEqual([
        act,
        409,
        '/problems/user-task-not-open',
      ]);
    }
  });

  it('into nobody’s, when their instance is cancelled while somebody has them', async () => {
    const { boss, ann } = people;
    const { task, instance } = await people.start(forClerks);
    await people.act(ann, task, 'claim');
    await people.post(boss, `/workflow-instances/${instance.id}/cancel`);
    expect(await people.ids(ann, `assignee=${ann.id}&instance_id=${instance.id}`)).toEqual([]);
    expect((await people.get(ann, `/user-tasks/${task.id}`)).body.status).toBe('cancelled');
    for (const act of ['complete', 'release', 'claim'])
      expect(problemIn(await people.act(ann, task, act)).detail).toContain('is cancelled');
    await app.outbox.expect('workflows.user-task-cancelled.v1', {
      user_task_id: task.id,
      assignee: ann.id,
    });
  });

  it('to one of two who claim at once, and the other is told', async () => {
    const { ann, ben } = people;
    for (let round = 0; round < 10; round += 1) {
      const { task } = await people.start(forClerks);
      const answers = await Promise.all([ann, ben].map((user) => people.act(user, task, 'claim')));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
      const winner = answers.find(({ status }) => status === 200);
      const { body } = await people.get(ann, `/user-tasks/${task.id}`);
      expect(body.assignee).toBe(winner?.body.assignee);
    }
  });

  it('before somebody completes one whom it was for a moment ago', async () => {
    const { ann, ben } = people;
    const { task } = await people.start(forClerks);
    const claiming = new pg.Client({ connectionString: app.databaseUrl });
    await claiming.connect();
    await claiming.query('begin');
    await claiming.query(
      `update workflows.user_task set assignee = $2, status = 'claimed' where id = $1`,
      [task.id, ben.id],
    );
    const completing = people.act(ann, task, 'complete');
    await app.until(async () => {
      const waiting = await app.sql(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return waiting.length > 0;
    });
    await claiming.query('commit');
    await claiming.end();
    expect(problemIn(await completing).status).toBe(403);
    expect((await people.act(ben, task, 'complete')).status).toBe(200);
  });

  it('with the name of somebody', async () => {
    const { task } = await people.start(forClerks);
    const refused = await people.act(people.boss, task, 'assign', { assignee: '' });
    expect(problemIn(refused)).toMatchObject({ status: 422, errors: [{ field: 'assignee' }] });
  });
});
