import type { JsonObject } from '../../src/workflows/definition/json.js';
import type { UserTaskView } from '../../src/workflows/user-tasks.dto.js';
import type { InstanceView } from '../../src/workflows/workflow-instances.dto.js';
import type { App } from './app.js';
import { signUp, type TestUser } from './users.js';
import { chain, newKey } from './workflow-runs.js';

/** Users with what they may do, in an application that demands to know them; they act over REST. */
export class People {
  /** Designs processes, and operates them. */
  readonly boss: TestUser;
  readonly ann: TestUser;
  readonly ben: TestUser;
  /** No clerk, unlike Ann and Ben. */
  readonly cleo: TestUser;

  private constructor(
    private readonly app: App,
    users: Readonly<Record<'boss' | 'ann' | 'ben' | 'cleo', TestUser>>,
  ) {
    this.boss = users.boss;
    this.ann = users.ann;
    this.ben = users.ben;
    this.cleo = users.cleo;
  }

  static async of(app: App): Promise<People> {
    return new People(app, {
      boss: await signUp(app, { rights: ['workflow:design', 'task:operate'] }),
      ann: await signUp(app, { roles: ['clerk'] }),
      ben: await signUp(app, { roles: ['clerk'] }),
      cleo: await signUp(app),
    });
  }

  post<Body = UserTaskView>(user: TestUser, path: string, body: object = {}) {
    return this.app.http.post<Body>(path, body, user.bearer);
  }

  get<Body = UserTaskView>(user: TestUser, path: string) {
    return this.app.http.get<Body>(path, user.bearer);
  }

  /** What the act on a task comes to. */
  act(user: TestUser, { id }: { id: string }, act: string, body: object = {}) {
    return this.post(user, `/user-tasks/${id}/${act}`, body);
  }

  /** Publishes a process whose one node asks for packing, with `more` of the node, and starts it. */
  async start(
    config: JsonObject,
    { business_key, ...more }: JsonObject & { business_key?: string } = {},
  ): Promise<{ instance: InstanceView; task: UserTaskView }> {
    const workflow = newKey('people');
    const outcomes = ['packed', 'missing'];
    const node = { id: 'pack', type: 'task', kind: 'human', outcomes, config, ...more };
    const path = `/workflows/${workflow}/draft`;
    const sent = { body: chain(workflow, [node]), headers: this.boss.bearer };
    await this.app.http.send('PUT', path, sent);
    expect((await this.post(this.boss, `${path}/publish`)).status).toBe(201);
    const variables = { customer: 'ann' };
    const { body: instance } = await this.post<InstanceView>(this.boss, '/workflow-instances', {
      workflow,
      variables,
      ...(business_key !== undefined && { business_key }),
    });
    const [task] = await this.tasks(this.boss, `instance_id=${instance.id}`);
    if (!task) throw new Error('Nobody is asked');
    return { instance, task };
  }

  async tasks(user: TestUser, query: string): Promise<UserTaskView[]> {
    return (await this.get<{ items: UserTaskView[] }>(user, `/user-tasks?${query}`)).body.items;
  }

  async ids(user: TestUser, query: string): Promise<string[]> {
    return (await this.tasks(user, query)).map(({ id }) => id);
  }
}
