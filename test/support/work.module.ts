import { Module } from '@nestjs/common';
import { type TaskContext, TaskHandler, type TaskRunner } from '../../src/tasks/index.js';
import type { TaskStatus } from '../../src/tasks/domain/task.state.js';
import type { App } from './app.js';

type Script = (context: TaskContext) => unknown;

/** A kind of task that does what its test says, by the name in its payload; without a script it succeeds at once. */
@TaskHandler('work')
export class Work implements TaskRunner {
  readonly runs: { readonly name: string; readonly attempt: number }[] = [];
  readonly scripts = new Map<string, Script>();

  async run(payload: unknown, context: TaskContext): Promise<unknown> {
    const { name } = payload as { name: string };
    this.runs.push({ name, attempt: context.attempt });
    return (await this.scripts.get(name)?.(context)) ?? { done: name };
  }

  attemptsAt(name: string): number {
    return this.runs.filter((run) => run.name === name).length;
  }
}

/** The same, one at a time. */
@TaskHandler('narrow', { concurrency: 1 })
export class Narrow extends Work {}

@Module({ providers: [Work, Narrow] })
export class WorkModule {}

/** A task as the API answers it. */
export interface TaskBody {
  readonly id: string;
  readonly kind: string;
  readonly status: TaskStatus;
  readonly attempt: number;
  readonly priority: number;
  readonly payload: unknown;
  readonly progress: number;
  readonly result: unknown;
  readonly error: { code: string; message: string; reason: string } | null;
  readonly failures: { attempt: number; code: string; message: string }[];
  readonly created_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
}

/** Says no sooner than it is told to. */
export function gate(): { readonly passed: Promise<void>; open(): void } {
  let open: () => void = () => undefined;
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open: () => open() };
}

/** Rejects when the run is aborted, as a well-behaved handler does. */
export function untilAborted({ signal }: TaskContext): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error));
  });
}

/** What the tests do with tasks, through the API. */
export function tasksOf(app: App) {
  const get = async (id: string) => (await app.http.get<TaskBody>(`/tasks/${id}`)).body;
  return {
    get,
    create: async (name: string, more: object = {}) => {
      const request = { kind: 'work', payload: { name }, ...more };
      const { status, body } = await app.http.post<TaskBody>('/tasks', request);
      expect(status).toBe(201);
      return body;
    },
    reached: async (id: string, status: TaskStatus) => {
      await app.until(async () => (await get(id)).status === status, {
        what: `task ${id} is ${status}`,
      });
      return get(id);
    },
  };
}
