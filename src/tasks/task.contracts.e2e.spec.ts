import { z } from 'zod';
import { type App, bootApp } from '../../test/support/app.js';
import { TASK_EVENT_CONTRACTS } from './task.contracts.js';

const letters = (app: App) => app.watch('tasks.#');
const noop = { payload: {}, kind: 'noop' };

/** What a contract's schema does not know is cut off by it, so nothing may be missing afterwards. */
function breakOf(type: string, data: unknown): string | undefined {
  const contract = TASK_EVENT_CONTRACTS.find((one) => one.type === type);
  if (!contract) return `${type} has no contract`;
  const parsed = contract.schema.safeParse(data);
  if (!parsed.success) return `${type}: ${z.prettifyError(parsed.error)}`;
  const undeclared = Object.keys(data as object).filter((key) => !(key in (parsed.data as object)));
  return undeclared.length === 0 ? undefined : `${type}: undeclared ${undeclared.join(', ')}`;
}

describe('the events that tasks publish', () => {
  it('keep their contracts, every one of them', async () => {
    const app = await bootApp({
      env: { TASKS_EVENTS: 'created,started,succeeded,failed,cancelled,retried' },
    });
    const events = await letters(app);
    await app.http.post('/tasks', noop);
    await app.http.post('/tasks', {
      kind: 'emulate',
      payload: { failure_probability: 1, min_ms: 0, max_ms: 1 },
      max_attempts: 2,
      backoff: { delay_ms: 0, kind: 'fixed' },
    });
    const later = await app.http.post('/tasks', { ...noop, run_at: '2099-01-01T00:00:00Z' });
    await app.http.post(`/tasks/${(later.body as { id: string }).id}/cancel`);
    const types = TASK_EVENT_CONTRACTS.map(({ type }) => type).sort();
    await app.until(() => {
      const seen = new Set(events.all.map(({ routingKey }) => routingKey));
      return types.every((type) => seen.has(type));
    });
    const broken = events.all.map(({ routingKey, body }) => breakOf(routingKey, body));
    expect(broken.filter((line) => line !== undefined)).toEqual([]);
    expect([...new Set(events.all.map(({ routingKey }) => routingKey))].sort()).toEqual(types);
  });

  it('would be seen to break a contract', () => {
    const data = {
      task_id: '019aa3a4-5b6c-7d8e-9f00-112233445566',
      kind: 'k',
      queue: 'q',
      attempt: 1,
    };
    expect(breakOf('tasks.task-started.v1', data)).toBeUndefined();
    expect(breakOf('tasks.task-started.v1', { ...data, attempt: 'one' })).toContain('attempt');
    expect(breakOf('tasks.task-started.v1', { ...data, secret: 1 })).toContain('undeclared secret');
    expect(breakOf('tasks.task-lost.v1', data)).toContain('has no contract');
  });
});
