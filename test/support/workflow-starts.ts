import type { JsonObject } from '../../src/workflows/definition/json.js';
import type { InstanceView } from '../../src/workflows/workflow-instances.dto.js';
import type { TriggerView } from '../../src/workflows/workflows.dto.js';
import type { App } from './app.js';
import { type Draft, newKey } from './workflow-runs.js';

/** Started by `trigger`, then a task of people, unless something else is said. */
export function startedBy(trigger: JsonObject, more: JsonObject[] = []): Draft {
  const nodes: JsonObject[] = [
    { id: 'begin', type: 'start', ...trigger },
    ...more,
    { id: 'work', type: 'task', kind: 'human', final: true },
  ];
  const flows = nodes.slice(1).map(({ id = null }, index) => {
    return { from: nodes[index]?.['id'] ?? null, to: id };
  });
  return { key: newKey('started'), nodes, flows };
}

/** First to last. */
export async function instancesOf(app: App, key: string): Promise<InstanceView[]> {
  const path = `/workflow-instances?workflow=${key}&limit=200`;
  const { body } = await app.http.get<{ items: InstanceView[] }>(path);
  return body.items.reverse();
}

export async function triggerOf(app: App, key: string): Promise<TriggerView | undefined> {
  const { body } = await app.http.get<{ items: TriggerView[] }>(`/workflows/${key}/triggers`);
  return body.items[0];
}
