import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from '../../scripts/services/folders.ts';
import type { JsonObject } from '../../src/workflows/definition/json.js';
import type { UserTaskView } from '../../src/workflows/user-tasks.dto.js';
import type { InstanceView } from '../../src/workflows/workflow-instances.dto.js';
import type { ConfigView } from '../../src/workflows/workflows.dto.js';
import { type App, bootApp, BROKERS } from '../support/app.js';
import { MailFolder } from '../support/mail.js';
import { signUp, type TestUser } from '../support/users.js';

const WORKFLOW = 'machine-repair';
const file = join(projectFolder, 'examples/workflows/machine-repair.json');
const definition = JSON.parse(readFileSync(file, 'utf8')) as JsonObject;

/** How the outside talks to the process. */
interface Door {
  start(equipment: string): Promise<void>;
  report(name: string, equipment: string, value: number): Promise<void>;
  complete(user: TestUser, taskId: string, body: object): Promise<void>;
}

let app: App;
let folder: MailFolder;
let users: Readonly<Record<'designer' | 'operator' | 'technologist' | 'engineer', TestUser>>;

const overRest: Door = {
  async start(equipment) {
    const body = { workflow: WORKFLOW, variables: { equipment }, business_key: equipment };
    const answer = await app.http.post('/workflow-instances', body, users.designer.bearer);
    expect(answer.status).toBe(201);
  },
  async report(name, key, value) {
    const body = { name, key, data: { value } };
    expect((await app.http.post('/signals', body, users.designer.bearer)).status).toBe(200);
  },
  async complete(user, taskId, body) {
    const answer = await app.http.post(`/user-tasks/${taskId}/complete`, body, user.bearer);
    expect(answer).toMatchObject({ status: 200, body: { completed_by: user.id } });
  },
};

const byMessage: Door = {
  async start(equipment) {
    const body = { workflow: WORKFLOW, variables: { equipment }, business_key: equipment };
    await app.send('workflows', 'instances/start', body, { headers: users.designer.bearer });
  },
  async report(name, key, value) {
    const body = { name, key, data: { value } };
    await app.send('workflows', 'signals/report', body, { headers: users.designer.bearer });
  },
  async complete(user, taskId, body) {
    const route = `user-tasks/${taskId}/complete`;
    await app.send('workflows', route, body, { headers: user.bearer });
  },
};

const DOORS = { REST: overRest, messages: byMessage };

describe.each([
  ['REST', BROKERS[0]],
  ['messages', BROKERS[1]],
  ['messages', BROKERS[0]],
] as const)('the repair of a machine, over %s on %s', (by, broker) => {
  const door = DOORS[by];

  beforeAll(async () => {
    folder = new MailFolder();
    const env = { AUTH_MODE: 'required', MAIL_URL: folder.path };
    app = await bootApp({ broker, env, shared: true });
    users = {
      designer: await signUp(app, { rights: ['workflow:design'] }),
      operator: await signUp(app, { roles: ['operator'] }),
      technologist: await signUp(app, { roles: ['technologist'] }),
      engineer: await signUp(app, { roles: ['engineer'] }),
    };
    const { bearer: headers } = users.designer;
    const path = `/workflows/${WORKFLOW}/draft`;
    await app.http.send('PUT', path, { body: definition, headers });
    const { body } = await app.http.post(`${path}/publish`, {}, headers);
    expect(body).toMatchObject({ version: 1, findings: [] });
  });
  afterAll(async () => {
    await app.stop();
    folder.remove();
  });

  const settled = async <T>(done: Promise<T>): Promise<void> => {
    await done;
    await app.settle();
  };
  const report = (name: string, equipment: string, value: number) =>
    settled(door.report(name, equipment, value));
  const complete = (user: TestUser, { id }: UserTaskView, body: object) =>
    settled(door.complete(user, id, body));
  const tasks = async (user: TestUser, equipment: string): Promise<UserTaskView[]> => {
    const path = `/user-tasks?business_key=${equipment}`;
    return (await app.http.get<{ items: UserTaskView[] }>(path, user.bearer)).body.items;
  };
  const onlyTask = async (user: TestUser, equipment: string): Promise<UserTaskView> => {
    const found = await tasks(user, equipment);
    expect(found).toHaveLength(1);
    return found[0]!;
  };
  const instance = async (equipment: string): Promise<InstanceView> => {
    const path = `/workflow-instances?business_key=${equipment}`;
    const { items } = (await app.http.get<{ items: InstanceView[] }>(path, users.operator.bearer))
      .body;
    expect(items).toHaveLength(1);
    return items[0]!;
  };
  const configure = async (body: object): Promise<void> => {
    const { bearer: headers } = users.designer;
    const sent = await app.http.send('PATCH', `/workflows/${WORKFLOW}/config`, { body, headers });
    expect(sent.status).toBe(200);
    await app.settle();
  };
  const startWith = async (equipment: string): Promise<UserTaskView> => {
    await settled(door.start(equipment));
    await report('heat', equipment, 90);
    await report('vibration', equipment, 7);
    return onlyTask(users.operator, equipment);
  };

  it('asks the operator only when both criteria hold for one piece of equipment', async () => {
    await settled(door.start('pump-1'));
    await settled(door.start('pump-2'));
    await report('heat', 'pump-1', 90);
    await report('vibration', 'pump-2', 7);
    await report('heat', 'pump-1', 70);
    await report('vibration', 'pump-1', 7);
    expect(await tasks(users.operator, 'pump-1')).toEqual([]);
    await report('heat', 'pump-1', 91);
    const task = await onlyTask(users.operator, 'pump-1');
    expect(task).toMatchObject({
      node: 'look',
      title: 'Is pump-1 failing?',
      roles: ['operator'],
      outcomes: ['confirmed', 'rejected'],
      data: { heat: { value: 91 }, vibration: { value: 7 } },
    });
    expect(await tasks(users.operator, 'pump-2')).toEqual([]);
    for (const user of [users.technologist, users.engineer])
      expect(await tasks(user, 'pump-1')).toEqual([]);
  });

  it('confirmed, has the technologist repair; then the process ends with a mail', async () => {
    await complete(users.operator, await startWith('pump-3'), { outcome: 'confirmed' });
    const repair = await onlyTask(users.technologist, 'pump-3');
    expect(repair).toMatchObject({ node: 'repair', title: 'Repair pump-3' });
    expect(folder.about('pump-3 is repaired')).toEqual([]);
    await complete(users.technologist, repair, { data: { note: 'The bearing is new' } });
    expect((await instance('pump-3')).status).toBe('completed');
    const mails = folder.about('pump-3 is repaired');
    expect(mails).toHaveLength(1);
    expect(mails[0]?.headers.get('to')).toBe('plant@example.com');
    expect(mails[0]?.body).toBe('The bearing is new');
  });

  it('mails whoever is to have it when the mail is sent, not when the instance was started', async () => {
    const looks = [await startWith('pump-4'), await startWith('pump-5')];
    for (const look of looks) await complete(users.operator, look, { outcome: 'confirmed' });
    await configure({ mail_to: 'first@example.com' });
    await complete(users.technologist, await onlyTask(users.technologist, 'pump-4'), {});
    await configure({ mail_to: 'second@example.com' });
    await complete(users.technologist, await onlyTask(users.technologist, 'pump-5'), {});
    const to = (equipment: string) =>
      folder.about(`${equipment} is repaired`).map(({ headers }) => headers.get('to'));
    expect([to('pump-4'), to('pump-5')]).toEqual([['first@example.com'], ['second@example.com']]);
  });

  it('rejected, has the engineer set the thresholds, and watches on with the new ones', async () => {
    await complete(users.operator, await startWith('pump-6'), { outcome: 'rejected' });
    expect(await tasks(users.technologist, 'pump-6')).toEqual([]);
    const tune = await onlyTask(users.engineer, 'pump-6');
    expect(tune).toMatchObject({ node: 'tune', data: { max_heat: 80, max_vibration: 5 } });
    await complete(users.engineer, tune, { data: { max_heat: 95, max_vibration: 6 } });
    const { body } = await app.http.get<ConfigView>(
      `/workflows/${WORKFLOW}/config`,
      users.engineer.bearer,
    );
    expect(body.effective).toMatchObject({ max_heat: 95, max_vibration: 6 });
    expect(await tasks(users.operator, 'pump-6')).toEqual([]);
    expect((await instance('pump-6')).status).toBe('running');
    await report('heat', 'pump-6', 92);
    expect(await tasks(users.operator, 'pump-6')).toEqual([]);
    await report('heat', 'pump-6', 96);
    expect((await onlyTask(users.operator, 'pump-6')).data).toMatchObject({ heat: { value: 96 } });
  });

  it('asks at once when thresholds are lowered below what was reported last', async () => {
    await configure({ max_heat: 95, max_vibration: 5 });
    await settled(door.start('pump-7'));
    await report('heat', 'pump-7', 90);
    await report('vibration', 'pump-7', 7);
    expect(await tasks(users.operator, 'pump-7')).toEqual([]);
    await configure({ max_heat: 85 });
    expect(await onlyTask(users.operator, 'pump-7')).toMatchObject({ node: 'look' });
  });
});
