import { randomUUID } from 'node:crypto';
import { type App, bootApp } from '../support/app.js';
import { problemIn } from '../support/http-client.js';
import { signUp, type TestUser } from '../support/users.js';

/**
 * Whom each operation lets in: everybody, every caller, or who has the right. A new route has to be told here; `own`
 * stands for a caller who is shown and may touch only what is his.
 */
const DOORS: Readonly<Record<string, string>> = {
  Auth_logIn: 'public',
  Auth_logOut: 'public',
  Auth_me: 'caller',
  Auth_refresh: 'public',
  Auth_register: 'public',
  Bets_get: 'own',
  Bets_list: 'own',
  Bets_place: 'own',
  DeadLetters_discard: 'task:operate',
  DeadLetters_get: 'task:operate',
  DeadLetters_list: 'task:operate',
  DeadLetters_redriveMatching: 'task:operate',
  DeadLetters_redriveOne: 'task:operate',
  DeadLetters_summarize: 'task:operate',
  Events_exposure: 'betting:trade',
  Events_list: 'caller',
  Events_settlements: 'betting:trade',
  Health_all: 'public',
  Health_live: 'public',
  Health_ready: 'public',
  LineEvents_create: 'betting:trade',
  LineEvents_get: 'betting:trade',
  LineEvents_resettle: 'betting:trade',
  LineEvents_result: 'betting:trade',
  LineEvents_resume: 'betting:trade',
  LineEvents_suspend: 'betting:trade',
  LineEvents_update: 'betting:trade',
  LineEvents_void: 'betting:trade',
  Messages_create: 'own',
  Messages_get: 'own',
  Messages_list: 'own',
  Metrics_scrape: 'public',
  ProviderUsage_chart: 'caller',
  ProviderUsage_page: 'caller',
  ProviderUsage_usage: 'caller',
  Providers_drain: 'admin',
  Providers_enable: 'admin',
  Providers_list: 'caller',
  Providers_put: 'admin',
  Roles_list: 'admin',
  Roles_put: 'admin',
  TaskEvents_watch: 'own',
  TaskKinds_list: 'caller',
  TaskLeases_beat: 'task:operate',
  TaskLeases_complete: 'task:operate',
  TaskLeases_fail: 'task:operate',
  TaskLeases_lease: 'task:operate',
  TaskLeases_reportProgress: 'task:operate',
  TaskSchedules_change: 'task:operate',
  TaskSchedules_create: 'task:operate',
  TaskSchedules_delete: 'task:operate',
  TaskSchedules_get: 'task:operate',
  TaskSchedules_list: 'task:operate',
  Tasks_cancel: 'own',
  Tasks_create: 'own',
  Tasks_get: 'own',
  Tasks_list: 'own',
  Tasks_retry: 'own',
  Tasks_retryMatching: 'task:operate',
  Tasks_summarize: 'own',
  Updates_watch: 'own',
  UserTasks_assign: 'own',
  UserTasks_claim: 'own',
  UserTasks_comment: 'own',
  UserTasks_comments: 'own',
  UserTasks_complete: 'own',
  UserTasks_delegate: 'own',
  UserTasks_get: 'own',
  UserTasks_list: 'own',
  UserTasks_release: 'own',
  Users_change: 'admin',
  Users_get: 'admin',
  Users_list: 'admin',
  Wallet_deposit: 'admin',
  Wallet_get: 'own',
  Wallet_list: 'own',
  WorkflowBatches_cancel: 'task:operate',
  WorkflowBatches_failures: 'task:operate',
  WorkflowBatches_get: 'task:operate',
  WorkflowBatches_list: 'task:operate',
  WorkflowControl_audit: 'workflow:design',
  WorkflowControl_heat: 'caller',
  WorkflowControl_migrate: 'task:operate',
  WorkflowControl_pause: 'task:operate',
  WorkflowControl_resume: 'task:operate',
  WorkflowDiagrams_draftPicture: 'caller',
  WorkflowDiagrams_draftText: 'caller',
  WorkflowDiagrams_page: 'caller',
  WorkflowDiagrams_picture: 'caller',
  WorkflowDiagrams_text: 'caller',
  WorkflowDrafts_addFlow: 'workflow:design',
  WorkflowDrafts_addNode: 'workflow:design',
  WorkflowDrafts_changeNode: 'workflow:design',
  WorkflowDrafts_create: 'workflow:design',
  WorkflowDrafts_removeFlow: 'workflow:design',
  WorkflowDrafts_removeNode: 'workflow:design',
  WorkflowDrafts_simulate: 'workflow:design',
  WorkflowIncidents_list: 'task:operate',
  WorkflowIncidents_resolve: 'task:operate',
  WorkflowInstances_cancel: 'task:operate',
  WorkflowInstances_get: 'caller',
  WorkflowInstances_history: 'caller',
  WorkflowInstances_list: 'caller',
  WorkflowInstances_positions: 'caller',
  WorkflowInstances_retry: 'task:operate',
  WorkflowInstances_start: 'caller',
  WorkflowLinks_create: 'workflow:design',
  WorkflowLinks_delete: 'workflow:design',
  WorkflowLinks_list: 'caller',
  WorkflowModules_list: 'caller',
  WorkflowModules_schema: 'public',
  WorkflowNews_deliver: 'caller',
  WorkflowNews_report: 'caller',
  WorkflowOperations_extend: 'task:operate',
  WorkflowOperations_migrate: 'task:operate',
  WorkflowOperations_modify: 'task:operate',
  WorkflowOperations_pause: 'task:operate',
  WorkflowOperations_resume: 'task:operate',
  WorkflowOperations_setVariables: 'task:operate',
  Workflows_changeConfig: 'workflow:design',
  Workflows_config: 'caller',
  Workflows_draft: 'caller',
  Workflows_list: 'caller',
  Workflows_publish: 'workflow:design',
  Workflows_save: 'workflow:design',
  Workflows_triggers: 'caller',
  Workflows_validate: 'caller',
  Workflows_version: 'caller',
  Workflows_versions: 'caller',
};

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly operationId: string;
  readonly access: string;
  readonly security: readonly object[];
  readonly statuses: readonly string[];
}

interface Document {
  paths: Record<
    string,
    Record<
      string,
      { operationId: string; 'x-access': string; security: object[]; responses: object }
    >
  >;
}

interface TaskShape {
  id: string;
  owner_id: string | null;
  status: string;
}

let app: App;
let operations: readonly Operation[];
let ada: TestUser;
let bob: TestUser;
let operator: TestUser;
let admin: TestUser;
let payer: TestUser;
let trader: TestUser;
let designer: TestUser;

describe('access', () => {
  beforeAll(async () => {
    app = await bootApp({ env: { AUTH_MODE: 'required', ROLES: 'api' }, shared: true });
    const { body } = await app.http.get<Document>('/api/openapi.json');
    operations = Object.entries(body.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        method: method.toUpperCase(),
        path,
        operationId: operation.operationId,
        access: operation['x-access'],
        security: operation.security,
        statuses: Object.keys(operation.responses),
      })),
    );
    ada = await signUp(app);
    bob = await signUp(app, { roles: ['technologist'] });
    operator = await signUp(app, { roles: ['operator'] });
    payer = await signUp(app, { rights: ['provider:paid'] });
    trader = await signUp(app, { roles: ['trader'] });
    designer = await signUp(app, { roles: ['designer'] });
    admin = await signUp(app, { roles: ['admin'] });
  });
  afterAll(() => app.stop());

  describe('the doors of the API (check 1)', () => {
    it('say whom they let in, every one of them', () => {
      const said = Object.fromEntries(operations.map((one) => [one.operationId, one.access]));
      const wanted = Object.entries(DOORS).map(([id, door]) => [
        id,
        door === 'own' ? 'caller' : door,
      ]);
      expect(said).toEqual(Object.fromEntries(wanted));
    });

    it('document how to log in, and what is answered to who has not', () => {
      for (const { access, security, statuses, operationId } of operations) {
        expect([operationId, security.length]).toEqual([operationId, access === 'public' ? 0 : 2]);
        if (access !== 'public') expect(statuses).toEqual(expect.arrayContaining(['401', '403']));
      }
    });

    it('are shut to who is nobody', async () => {
      for (const operation of operations) {
        const { status } = await knock(operation);
        expect([operation.operationId, status === 401]).toEqual([
          operation.operationId,
          operation.access !== 'public',
        ]);
      }
    });

    it('open to the right that they ask for, and to no other', async () => {
      const rights = new Map<TestUser, string[]>([
        [ada, []],
        [bob, []],
        [operator, ['task:operate']],
        [payer, ['provider:paid']],
        [trader, ['betting:trade']],
        [designer, ['workflow:design']],
        [admin, ['task:operate', 'betting:trade', 'workflow:design', 'admin']],
      ]);
      for (const [user, granted] of rights) {
        for (const operation of operations) {
          if (operation.operationId.startsWith('Auth_')) continue;
          const { status } = await knock(operation, user);
          const mayEnter = ['public', 'caller', ...granted].includes(operation.access);
          expect([operation.operationId, granted, status === 403]).toEqual([
            operation.operationId,
            granted,
            !mayEnter,
          ]);
          expect(status).not.toBe(401);
          if (operation.access !== 'public') expect(status).toBeLessThan(500);
        }
      }
    });
  });

  describe("another user's tasks (check 1)", () => {
    let task: TaskShape;

    beforeAll(async () => {
      const body = { payload: 'of Ada', run_at: '2999-01-01T00:00:00Z' };
      task = (await app.http.post<TaskShape>('/tasks', body, ada.bearer)).body;
    });

    it('are not there, whatever is asked of them', async () => {
      const own = operations.filter(
        ({ operationId, path }) => DOORS[operationId] === 'own' && path.includes('{task_id}'),
      );
      expect(own.map(({ operationId }) => operationId).sort()).toEqual([
        'TaskEvents_watch',
        'Tasks_cancel',
        'Tasks_get',
        'Tasks_retry',
      ]);
      for (const operation of own) {
        const answer = await knock(operation, bob, task.id);
        expect(problemIn(answer)).toMatchObject({ status: 404, type: '/problems/task-not-found' });
      }
      const { body } = await app.http.get<TaskShape>(`/tasks/${task.id}`, ada.bearer);
      expect(body).toMatchObject({ status: 'new', owner_id: ada.id });
    });

    it('are in no list and no count but those of operators', async () => {
      const seen = async ({ bearer }: TestUser) => {
        const list = await app.http.get<{ items: TaskShape[] }>('/tasks', bearer);
        const summary = await app.http.get<{ total: number }>('/tasks/summary', bearer);
        const isThere = list.body.items.some(({ id }) => id === task.id);
        return [isThere, summary.body.total === list.body.items.length];
      };
      expect(await seen(ada)).toEqual([true, true]);
      expect(await seen(bob)).toEqual([false, true]);
      expect(await seen(operator)).toEqual([true, true]);
    });

    it('can be touched by operators and by their owner', async () => {
      const cancel = `/tasks/${task.id}/cancel`;
      expect((await app.http.post(cancel, undefined, operator.bearer)).status).toBe(200);
      const retried = await app.http.post(`/tasks/${task.id}/retry`, undefined, ada.bearer);
      expect(retried.body).toMatchObject({ status: 'new' });
    });

    it('are not found by their idempotency keys, of the body and of the header', async () => {
      const key = randomUUID();
      const body = { payload: 'x', run_at: '2999-01-01T00:00:00Z', idempotency_key: key };
      const create = async ({ bearer }: TestUser) =>
        app.http.post<TaskShape>('/tasks', body, { ...bearer, 'idempotency-key': key });
      const [first, second, again] = [await create(ada), await create(bob), await create(bob)];
      expect(first.body.owner_id).toBe(ada.id);
      expect(second.body.owner_id).toBe(bob.id);
      expect(second.headers.get('idempotency-replayed')).toBeNull();
      expect(again.body.id).toBe(second.body.id);
    });
  });
});

/** A request with nothing in it: whoever is let in hears what is wrong with it. */
function knock({ method, path }: Operation, user?: TestUser, id: string = randomUUID()) {
  const url = path.replaceAll(/\{[^}]+\}/g, id);
  const hasBody = ['POST', 'PUT', 'PATCH'].includes(method) && !/cancel|retry$/.test(url);
  return app.http.send(method, url, {
    ...(hasBody ? { body: { unknown: true } } : {}),
    headers: user?.bearer ?? {},
  });
}
