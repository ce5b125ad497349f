import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { Loop } from '../../kernel/loop.js';
import { Database } from '../../kernel/persistence/database.js';
import { ShuttingDown, TaskNotFound, TooManyWaiting } from '../domain/task.errors.js';
import type { TaskError, TaskStatus } from '../domain/task.state.js';

const LOOK_MS = 250;
const PING_MS = 15_000;
const MAX_WATCHERS = 10_000;

/** What is told of a task while it is watched. Payload and result are better read once. */
interface Sighting {
  readonly id: string;
  readonly status: TaskStatus;
  readonly attempt: number;
  readonly max_attempts: number;
  readonly progress: number;
  readonly error: TaskError | null;
  readonly run_at: Date;
  readonly updated_at: Date;
  readonly finished_at: Date | null;
}

interface Watching {
  readonly lastEventId: string | undefined;
  readonly ownerId?: string | undefined;
}

/**
 * Tells of changes of tasks, as server-sent events. One query per quarter of a second serves all watchers of this
 * process, and none is made when nobody watches; two changes within one look are told as one.
 */
@Injectable()
export class TaskWatch {
  readonly #loop = new Loop({ name: 'TaskWatch', idleMs: LOOK_MS }, () => this.#look());
  readonly #streams = new Map<string, Set<TaskEventStream>>();
  #watchers = 0;
  #pingedAt = performance.now();
  #stopped = false;

  constructor(private readonly database: Database) {}

  /** Streams open now. */
  get watchers(): number {
    return this.#watchers;
  }

  start(): void {
    this.#loop.start();
  }

  /** Ends every stream; its client will come back to another process. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#loop.stop();
    for (const stream of [...this.#streams.values()].flatMap((set) => [...set])) stream.finish();
  }

  /**
   * The state of the task, unless it is the one that the client has seen, and every change until it is final. The
   * caller destroys the stream when the client is gone. Undefined when the client has seen the final state, so that
   * it need not come again. Throws `TaskNotFound`, also for the task of another than `ownerId`, `TooManyWaiting`,
   * `ShuttingDown`.
   */
  async open(taskId: string, { lastEventId, ownerId }: Watching): Promise<Readable | undefined> {
    if (this.#stopped) throw new ShuttingDown();
    if (this.#watchers >= MAX_WATCHERS) throw new TooManyWaiting(MAX_WATCHERS);
    const stream = this.#add(taskId, lastEventId);
    try {
      const [state] = await this.#see([taskId], ownerId);
      if (!state) throw new TaskNotFound(taskId);
      if (state.finished_at === null || versionOf(state) !== lastEventId) {
        stream.show(state);
        return stream;
      }
    } catch (error) {
      stream.destroy();
      throw error;
    }
    stream.destroy();
    return undefined;
  }

  #add(taskId: string, lastEventId: string | undefined): TaskEventStream {
    const stream = new TaskEventStream(lastEventId);
    const others = this.#streams.get(taskId) ?? new Set();
    this.#streams.set(taskId, others.add(stream));
    this.#watchers += 1;
    stream.once('close', () => {
      this.#watchers -= 1;
      others.delete(stream);
      if (others.size === 0 && this.#streams.get(taskId) === others) this.#streams.delete(taskId);
    });
    return stream;
  }

  async #look(): Promise<number> {
    if (this.#watchers === 0) return 0;
    this.#ping();
    const ids = [...this.#streams.keys()];
    const seen = new Map((await this.#see(ids)).map((state) => [state.id, state]));
    for (const id of ids) {
      const state = seen.get(id);
      for (const stream of this.#streams.get(id) ?? []) {
        if (state) stream.show(state);
        else stream.finish(); // deleted at the end of its retention
      }
    }
    return 0;
  }

  #ping(): void {
    if (performance.now() - this.#pingedAt < PING_MS) return;
    this.#pingedAt = performance.now();
    for (const streams of this.#streams.values()) for (const stream of streams) stream.ping();
  }

  #see(ids: readonly string[], ownerId?: string): Promise<Sighting[]> {
    return this.database.query<Sighting>(
      `select id, status, attempt, max_attempts, progress, error, run_at, updated_at, finished_at
       from tasks.task where id = any($1) and ($2::uuid is null or owner_id = $2)`,
      [ids, ownerId ?? null],
    );
  }
}

/** Of a client that reads slowly only the newest state is kept. */
class TaskEventStream extends Readable {
  #latest: Sighting | undefined;
  #isRead = false;
  #ended = false;

  constructor(private seen: string | undefined) {
    super();
    // Sends the headers at once, and says how soon to come back after the connection broke.
    this.push('retry: 1000\n\n');
  }

  override _read(): void {
    this.#isRead = true;
    this.#flush();
  }

  show(state: Sighting): void {
    this.#latest = state;
    this.#flush();
  }

  ping(): void {
    if (this.#isRead && !this.#ended) this.#send(': ping\n\n');
  }

  finish(): void {
    this.#ended = true;
    this.push(null);
  }

  #flush(): void {
    const state = this.#latest;
    if (!state || !this.#isRead || this.#ended) return;
    const version = versionOf(state);
    if (version !== this.seen) {
      this.seen = version;
      this.#send(`id: ${version}\nevent: state\ndata: ${JSON.stringify(state)}\n\n`);
    }
    if (state.finished_at !== null) this.finish();
  }

  #send(text: string): void {
    this.#isRead = this.push(text);
  }
}

function versionOf({ status, attempt, progress, updated_at }: Sighting): string {
  return [status, attempt, progress, updated_at.getTime()].join('.');
}
