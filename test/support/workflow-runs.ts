import { StartInstances } from '../../src/workflows/commands/start-instances.js';
import { TellInstances } from '../../src/workflows/commands/tell-instances.js';
import type { JsonObject } from '../../src/workflows/definition/json.js';
import type { WorkflowCommand } from '../../src/workflows/engine/commands.js';
import type { WorkflowEvent } from '../../src/workflows/engine/events.js';
import { evolve } from '../../src/workflows/engine/evolve.js';
import { newInstance, type StoredState, storeState } from '../../src/workflows/engine/state.js';
import type { InstanceView, PositionView } from '../../src/workflows/workflow-instances.dto.js';
import type { UserTaskView } from '../../src/workflows/user-tasks.dto.js';
import type { App } from './app.js';

let named = 0;

/** A key that no other test uses. */
export const newKey = (name = 'test'): string => `${name}-${String((named += 1))}`;

/** Saves and publishes; nodes and flows as in `workflow()` of the engine's tests, or a whole draft. */
export async function publish(app: App, draft: Draft): Promise<string> {
  const { key } = draft;
  const saved = await app.http.send('PUT', `/workflows/${key}/draft`, { body: draft });
  expect(saved.status).toBe(200);
  const published = await app.http.post(`/workflows/${key}/draft/publish`);
  expect(published.body).toMatchObject({ key });
  return key;
}

/** One instance in the hands of a test. */
export class WorkflowRun {
  constructor(
    private readonly app: App,
    readonly id: string,
  ) {}

  static async start(
    app: App,
    workflow: string,
    variables: JsonObject = {},
    start_key?: string,
  ): Promise<WorkflowRun> {
    const request = { workflow, variables, ...(start_key !== undefined && { start_key }) };
    const [view] = await app.execute(new StartInstances([request]));
    return new WorkflowRun(app, view?.id ?? '');
  }

  async view(): Promise<InstanceView> {
    return (await this.app.http.get<InstanceView>(`/workflow-instances/${this.id}`)).body;
  }

  async positions(): Promise<PositionView[]> {
    const path = `/workflow-instances/${this.id}/positions`;
    return (await this.app.http.get<{ items: PositionView[] }>(path)).body.items;
  }

  /** Nodes at which something waits, in the order in which it began. */
  async waiting(): Promise<string[]> {
    const all = await this.positions();
    const around = new Set(all.map(({ inside }) => inside));
    return all.filter(({ token }) => !around.has(token)).map(({ node }) => node);
  }

  async userTask(node: string): Promise<UserTaskView> {
    const path = `/user-tasks?instance_id=${this.id}`;
    const { body } = await this.app.http.get<{ items: UserTaskView[] }>(path);
    const task = body.items.find((one) => one.node === node);
    if (!task) throw new Error(`Nobody is asked at ${node}`);
    return task;
  }

  async complete(node: string, given: object = {}): Promise<void> {
    const { id } = await this.userTask(node);
    const { status } = await this.app.http.post(`/user-tasks/${id}/complete`, given);
    expect(status).toBe(200);
  }

  async tell(command: WorkflowCommand): Promise<InstanceView> {
    const [told] = await this.app.execute(new TellInstances([{ instanceId: this.id, command }]));
    if (!told || told instanceof Error) throw told ?? new Error('No answer');
    return told;
  }

  async state(): Promise<StoredState> {
    const [row] = await this.app.sql<{ state: StoredState }>(
      'select state from workflows.instance where id = $1',
      [this.id],
    );
    if (!row) throw new Error('There is no such instance');
    return row.state;
  }

  async events(): Promise<WorkflowEvent[]> {
    const rows = await this.app.sql<{ events: WorkflowEvent[] }>(
      'select events from workflows.history where instance_id = $1 order by seq',
      [this.id],
    );
    return rows.flatMap(({ events }) => events);
  }

  /** What was completed, in its order. */
  async steps(): Promise<string[]> {
    const events = await this.events();
    return events.flatMap((event) =>
      event.type === 'node_completed' && !event.whole ? event.node : [],
    );
  }

  async expectHistoryToGiveState(): Promise<void> {
    const rebuilt = (await this.events()).reduce(evolve, newInstance());
    const stored = JSON.parse(JSON.stringify(storeState(rebuilt))) as StoredState;
    expect(stored).toEqual(await this.state());
  }
}

/** Publishes a chain, starts an instance of it, and waits until nothing more goes on by itself. */
export async function startChain(
  app: App,
  nodes: readonly JsonObject[],
  variables: JsonObject = {},
  more: JsonObject = {},
): Promise<WorkflowRun> {
  const workflow = await publish(app, chain(newKey(), nodes, more));
  const run = await WorkflowRun.start(app, workflow, variables);
  await app.settle();
  return run;
}

const START = { id: 'start', type: 'start' };

export interface Draft extends JsonObject {
  key: string;
}

/** A draft of a chain of nodes behind a start. */
export function chain(key: string, nodes: readonly JsonObject[], more: JsonObject = {}): Draft {
  const all: JsonObject[] = [START, ...nodes.slice(0, -1)];
  const end = nodes.at(-1);
  if (end) all.push({ final: true, ...end });
  const flows = all.slice(1).map((node, index) => {
    return { from: all[index]?.['id'] ?? null, to: node['id'] ?? null };
  });
  return { key, nodes: all, flows, ...more };
}
