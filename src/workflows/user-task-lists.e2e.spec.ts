import { type App, bootApp } from '../../test/support/app.js';
import { problemIn } from '../../test/support/http-client.js';
import { People } from '../../test/support/people.js';
import type { CommentView, UserTaskView } from './user-tasks.dto.js';

interface List<Item> {
  readonly items: Item[];
  readonly next_cursor: string | null;
}

let app: App;
let people: People;

describe('user tasks', () => {
  beforeAll(async () => {
    app = await bootApp({ env: { AUTH_MODE: 'required' }, shared: true });
    people = await People.of(app);
  });
  afterAll(() => app.stop());

  const forClerks = { roles: ['clerk'] };

  describe('in a list', () => {
    it('are found by what they are about, who has them, and when they are due', async () => {
      const { boss, ann, cleo } = people;
      const business_key = 'order-7';
      const due = { due: '2030-01-01T00:00:00Z' };
      const { task, instance } = await people.start(forClerks, { business_key, ...due });
      await people.act(ann, task, 'claim');
      const found = [
        'role=clerk',
        `assignee=${ann.id}`,
        `workflow=${instance.workflow}`,
        `business_key=${business_key}`,
        `instance_id=${instance.id}`,
        'due_before=2030-01-01T00:00:01Z',
        'status=claimed',
        `workflow=${instance.workflow}&business_key=${business_key}&status=open&role=clerk`,
      ];
      for (const query of found)
        for (const user of [ann, boss])
          expect([query, await people.ids(user, query)]).toEqual([query, [task.id]]);
      const missed = [
        'role=judge',
        `assignee=${cleo.id}`,
        'workflow=other',
        'business_key=other',
        'due_before=2030-01-01T00:00:00Z',
        'status=completed',
      ];
      for (const query of [...missed, ...found])
        for (const user of found.includes(query) ? [cleo] : [ann, boss])
          expect([query, await people.ids(user, query)]).toEqual([query, []]);
    });

    it('come page by page, oldest first, each once', async () => {
      const { boss, ann } = people;
      const ids: string[] = [];
      for (let i = 0; i < 5; i += 1) ids.push((await people.start({ roles: ['packer'] })).task.id);
      const seen: string[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const from: string = cursor && `&cursor=${cursor}`;
        const path = `/user-tasks?role=packer&limit=2${from}`;
        const { body }: { body: List<UserTaskView> } = await people.get(boss, path);
        seen.push(...body.items.map(({ id }) => id));
        cursor = body.next_cursor;
      }
      expect(seen).toEqual(ids);
      expect(await people.ids(ann, 'role=packer')).toEqual([]);
      const broken = await people.get(boss, '/user-tasks?cursor=broken');
      expect(problemIn(broken)).toMatchObject({ status: 400, errors: [{ field: 'query.cursor' }] });
    });

    it('are read by an index, whatever is asked', async () => {
      await app.sql(
        `insert into workflows.user_task (id, instance_id, token, attempt, workflow, version, business_key, node, title,
           roles, users, candidates, assignee, status, outcomes, due_at, created_at, updated_at)
         select gen_random_uuid(), gen_random_uuid(), 1, 1, 'bulk-' || n % 500, 1, 'bulk-' || n, 'pack', 'Pack',
                array['bulk-' || n % 500], '{}', array['role:bulk-' || n % 500],
                case when n % 3 = 0 then 'user-' || n % 500 end, 'created', '{done}',
                timestamptz '2040-01-01' + n * interval '1 minute', now(), now()
         from generate_series(1, 20000) n`,
      );
      await app.sql('analyze workflows.user_task');
      const open = `status in ('created', 'claimed')`;
      const conditions = [
        `candidates @> array['role:bulk-7']`,
        `(candidates && array['*', 'role:bulk-7', 'user:x'] or assignee = 'x' or owner = 'x')`,
        `assignee = 'user-9'`,
        `workflow = 'bulk-7'`,
        `business_key = 'bulk-7'`,
        `due_at < '2040-01-01T01:00:00Z'`,
      ];
      for (const condition of conditions) {
        const rows = await app.sql<{ 'QUERY PLAN': string }>(
          `explain select * from workflows.user_task where ${condition} and ${open} order by id limit 51`,
        );
        const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
        expect([condition, /Seq Scan/.test(plan)]).toEqual([condition, false]);
        expect([condition, /user_task_(?!open)\w+/.test(plan)]).toEqual([condition, true]);
      }
    });
  });

  describe('are talked about', () => {
    it('by those whom they are for, page by page', async () => {
      const { ann, ben, cleo } = people;
      const { task } = await people.start(forClerks);
      const path = `/user-tasks/${task.id}/comments`;
      const said = await people.post<CommentView>(ann, path, { text: ' Two boxes are missing ' });
      expect(said).toMatchObject({
        status: 201,
        body: { author: ann.id, text: 'Two boxes are missing' },
      });
      await people.post(ben, path, { text: 'They come on Monday' });
      await people.act(ann, task, 'complete');
      await people.post(people.boss, path, { text: 'Good' });
      const first = await people.get<List<CommentView>>(ben, `${path}?limit=2`);
      expect(first.body.items.map(({ author }) => author)).toEqual([ann.id, ben.id]);
      const next = `${path}?limit=2&cursor=${String(first.body.next_cursor)}`;
      const { body } = await people.get<List<CommentView>>(ben, next);
      expect(body).toMatchObject({ items: [{ text: 'Good' }], next_cursor: null });
      expect((await people.post(cleo, path, { text: 'Me too' })).status).toBe(403);
      expect((await people.get(cleo, path)).status).toBe(404);
    });

    it('in words', async () => {
      const { task } = await people.start(forClerks);
      const path = `/user-tasks/${task.id}/comments`;
      for (const text of ['', '  ', 'x'.repeat(10_001)])
        expect(problemIn(await people.post(people.ann, path, { text }))).toMatchObject({
          status: 422,
          errors: [{ field: 'text' }],
        });
      const nowhere = '/user-tasks/019aa3a4-5b6c-7d8e-9f00-112233445566/comments';
      expect((await people.post(people.ann, nowhere, { text: 'Hello' })).status).toBe(404);
    });
  });

  describe('with a due date', () => {
    it('have others reminded, and go to others when nobody hears', async () => {
      const { ann, boss } = people;
      const workflow = 'reminded';
      const human = (id: string, role: string) => {
        return { id, type: 'task', kind: 'human', final: true, config: { roles: [role] } };
      };
      const pack = {
        ...human('pack', 'clerk'),
        due: 'PT0.3S',
        on: [
          { timer: 'PT0.1S', interrupting: false, outcome: 'remind' },
          { timer: 'PT0.3S', outcome: 'late' },
        ],
      };
      const body = {
        nodes: [
          { id: 'start', type: 'start' },
          pack,
          { id: 'remind', type: 'task', kind: 'set', final: true, config: { reminded: true } },
          human('escalated', 'manager'),
        ],
        flows: [
          { from: 'start', to: 'pack' },
          { from: 'pack', on: 'remind', to: 'remind' },
          { from: 'pack', on: 'late', to: 'escalated' },
        ],
      };
      const path = `/workflows/${workflow}/draft`;
      await app.http.send('PUT', path, { body, headers: boss.bearer });
      expect((await people.post(boss, `${path}/publish`)).status).toBe(201);
      const started = await people.post<{ id: string }>(boss, '/workflow-instances', { workflow });
      const query = `instance_id=${started.body.id}`;
      const [asked] = await people.tasks(ann, query);
      expect(new Date(String(asked?.due_at)).getTime()).toBeGreaterThan(0);
      await people.act(ann, asked!, 'claim');
      const escalated = await app.until(async () =>
        (await people.tasks(boss, query)).find(({ node }) => node === 'escalated'),
      );
      expect(escalated).toMatchObject({ roles: ['manager'], assignee: null });
      expect((await people.act(ann, asked!, 'complete')).status).toBe(409);
      const instance = await people.get<{ variables: object }>(
        boss,
        `/workflow-instances/${started.body.id}`,
      );
      expect(instance.body.variables).toEqual({ reminded: true });
    });
  });

  describe('with a form that is no JSON Schema', () => {
    it('say so, and stay', async () => {
      const { task } = await people.start({ ...forClerks, form: { type: 'nonsense' } });
      const refused = await people.act(people.ann, task, 'complete', { data: {} });
      expect(problemIn(refused)).toMatchObject({
        status: 409,
        type: '/problems/user-task-form-broken',
      });
      expect((await people.get(people.ann, `/user-tasks/${task.id}`)).body.status).toBe('created');
    });
  });
});
