import { type App, bootApp } from '../../test/support/app.js';
import { problemIn } from '../../test/support/http-client.js';
import { signUp, type TestUser } from '../../test/support/users.js';
import { chain, newKey } from '../../test/support/workflow-runs.js';
import type { JsonObject } from './definition/json.js';
import type { UserTaskView } from './user-tasks.dto.js';
import type { InstanceView } from './workflow-instances.dto.js';

let app: App;
let designer: TestUser;
let ann: TestUser;
let ben: TestUser;
let clerkless: TestUser;

describe('user tasks', () => {
  beforeAll(async () => {
    app = await bootApp({ env: { AUTH_MODE: 'required' }, shared: true });
    designer = await signUp(app, { rights: ['workflow:design', 'task:operate'] });
    ann = await signUp(app, { roles: ['clerk'] });
    ben = await signUp(app, { roles: ['clerk'] });
    clerkless = await signUp(app);
  });
  afterAll(() => app.stop());

  const post = <Body = UserTaskView>(user: TestUser, path: string, body: object = {}) =>
    app.http.post<Body>(path, body, user.bearer);
  const get = <Body>(user: TestUser, path: string) => app.http.get<Body>(path, user.bearer);
  const form = { type: 'object', properties: { boxes: { type: 'integer' } }, required: ['boxes'] };

  async function started(config: JsonObject): Promise<{ instance: string; task: UserTaskView }> {
    const outcomes = ['packed', 'missing'];
    const key = newKey('people');
    const node = { id: 'pack', type: 'task', kind: 'human', outcomes, config };
    const path = `/workflows/${key}/draft`;
    const sent = { body: chain(key, [node]), headers: designer.bearer };
    await app.http.send('PUT', path, sent);
    expect((await post(designer, `${path}/publish`)).status).toBe(201);
    const variables = { customer: 'ann' };
    const { body } = await post<InstanceView>(designer, '/workflow-instances', {
      workflow: key,
      variables,
      business_key: 'order-1',
    });
    const list = await tasksOf(designer, `instance_id=${body.id}`);
    expect(list).toHaveLength(1);
    return { instance: body.id, task: list[0] as UserTaskView };
  }

  const tasksOf = async (user: TestUser, query: string): Promise<UserTaskView[]> =>
    (await get<{ items: UserTaskView[] }>(user, `/user-tasks?${query}`)).body.items;
  const idsOf = async (user: TestUser, query: string) =>
    (await tasksOf(user, query)).map(({ id }) => id);

  it('say what is to be done, from the config of the node', async () => {
    const { task, instance } = await started({
      title: 'Order of {{ customer }}',
      roles: ['clerk'],
      data: { customer: '=customer' },
      form,
    });
    expect(task).toMatchObject({
      instance_id: instance,
      business_key: 'order-1',
      node: 'pack',
      title: 'Order of ann',
      roles: ['clerk'],
      users: [],
      assignee: null,
      status: 'created',
      outcomes: ['packed', 'missing'],
      data: { customer: 'ann' },
      form,
    });
  });

  it('are seen and done only by those whom they are for', async () => {
    const { task } = await started({ roles: ['clerk'] });
    expect(await idsOf(ann, 'role=clerk')).toContain(task.id);
    expect(await idsOf(clerkless, 'role=clerk')).toEqual([]);
    expect((await get(clerkless, `/user-tasks/${task.id}`)).status).toBe(404);
    for (const act of ['claim', 'complete'])
      expect((await post(clerkless, `/user-tasks/${task.id}/${act}`)).status).toBe(403);
    const forOne = await started({ users: [clerkless.id] });
    expect((await post(ann, `/user-tasks/${forOne.task.id}/complete`)).status).toBe(403);
    expect((await post(clerkless, `/user-tasks/${forOne.task.id}/complete`)).status).toBe(200);
  });

  it('belong to whoever has claimed them, until they are given back', async () => {
    const { task } = await started({ roles: ['clerk'] });
    const path = `/user-tasks/${task.id}`;
    const claimed = await post(ann, `${path}/claim`);
    expect(claimed.body).toMatchObject({ status: 'claimed', assignee: ann.id });
    expect(await idsOf(ann, `assignee=${ann.id}`)).toContain(task.id);
    expect((await post(ben, `${path}/claim`)).status).toBe(409);
    for (const act of ['release', 'complete'])
      expect((await post(ben, `${path}/${act}`)).status).toBe(403);
    expect((await post(ann, `${path}/release`)).body).toMatchObject({ status: 'created' });
    expect((await post(ben, `${path}/claim`)).body).toMatchObject({ assignee: ben.id });
  });

  it('are claimed by one of many at once', async () => {
    const { task } = await started({ roles: ['clerk'] });
    const users = [ann, ben, ann, ben];
    const answers = await Promise.all(
      users.map((user) => post(user, `/user-tasks/${task.id}/claim`)),
    );
    const winners = new Set(
      answers.flatMap(({ status, body }) => (status === 200 ? body.assignee : [])),
    );
    expect(winners.size).toBe(1);
  });

  it('end with an outcome and data, and move their instance on', async () => {
    const { task, instance } = await started({ roles: ['clerk'], form });
    const given = { outcome: 'missing', data: { boxes: 0 } };
    const { body } = await post(ann, `/user-tasks/${task.id}/complete`, given);
    expect(body).toMatchObject({
      status: 'completed',
      outcome: 'missing',
      result: { boxes: 0 },
      completed_by: ann.id,
    });
    const moved = await get<InstanceView>(ann, `/workflow-instances/${instance}`);
    expect(moved.body).toMatchObject({ status: 'completed', variables: { pack: { boxes: 0 } } });
    expect(await idsOf(ann, `instance_id=${instance}`)).toEqual([]);
    expect(await idsOf(ann, `instance_id=${instance}&status=completed`)).toEqual([task.id]);
  });

  it('take no unknown outcome, no data against the form, and end once', async () => {
    const { task } = await started({ form });
    const path = `/user-tasks/${task.id}/complete`;
    expect((await post(ann, path, { outcome: 'eaten', data: { boxes: 1 } })).status).toBe(409);
    const wrong = await post(ann, path, { data: { boxes: 'many' } });
    expect(wrong.status).toBe(422);
    expect(problemIn(wrong).errors).toMatchObject([{ field: 'data.boxes' }]);
    const both = await Promise.all([1, 2].map((boxes) => post(ann, path, { data: { boxes } })));
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect((await post(ann, path, { data: { boxes: 1 } })).status).toBe(409);
  });

  it('are completed by message, too, by whom the message is from', async () => {
    const { task } = await started({ roles: ['clerk'] });
    await app.send('workflows', `user-tasks/${task.id}/complete`, {}, { headers: ben.bearer });
    await app.settle();
    const { body } = await get<UserTaskView>(ben, `/user-tasks/${task.id}`);
    expect(body).toMatchObject({ status: 'completed', completed_by: ben.id });
  });

  it('are the work of an operator, too; designing is for designers', async () => {
    const { task, instance } = await started({ users: [ann.id] });
    expect((await post(ann, `/workflow-instances/${instance}/cancel`)).status).toBe(403);
    const draft = { body: {}, headers: ann.bearer };
    expect((await app.http.send('PUT', '/workflows/mine/draft', draft)).status).toBe(403);
    expect((await post(designer, `/user-tasks/${task.id}/complete`)).status).toBe(200);
  });
});
