import { setTimeout as delay } from 'node:timers/promises';
import type { Daemon } from './daemon.ts';

/** How one kind of server is started, known to be ready, and emptied. */
export interface Recipe {
  name: string;
  launch(): Promise<Daemon>;
  /** Throws or answers false for as long as it is not ready. */
  isReady(): Promise<boolean>;
  /** Deletes its data; called only while it does not run. */
  wipe(): Promise<void>;
  /** Deletes everything it left on the disk. */
  remove(): Promise<void>;
  deadlineMs?: number;
}

/**
 * A private server on loopback whose life the caller decides: it can be killed, emptied and started again at the same
 * address. It ends with the process that started it.
 */
export class Service {
  readonly url: string;
  readonly #recipe: Recipe;
  #daemon: Daemon | undefined;

  constructor(url: string, recipe: Recipe) {
    this.url = url;
    this.#recipe = recipe;
  }

  /** The process id while it runs as a process of this machine. */
  get pid(): number | undefined {
    return this.#daemon?.pid;
  }

  async isAlive(): Promise<boolean> {
    return (await this.#daemon?.isAlive()) ?? false;
  }

  /** Starts it and waits until it serves. Throws with the end of its log when it dies or is not ready in time. */
  async start(): Promise<this> {
    if (await this.isAlive()) throw new Error(`${this.#recipe.name} is running already`);
    const daemon = await this.#recipe.launch();
    this.#daemon = daemon;
    const deadline = Date.now() + (this.#recipe.deadlineMs ?? 60_000);
    let lastError: unknown = 'no answer';
    while (await daemon.isAlive()) {
      const ready = await this.#recipe.isReady().catch((error: unknown) => {
        lastError = error;
        return false;
      });
      if (ready) return this;
      if (Date.now() > deadline) break;
      await delay(50);
    }
    throw await this.#failure(daemon, lastError);
  }

  /** Ends it in good order; its data stays for a {@link start}. */
  async stop(graceMs = 30_000): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    await daemon?.stop(graceMs);
  }

  /** Ends it as a power cut would (kill -9); its data stays as it was at that moment. */
  async kill(): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    await daemon?.kill();
  }

  /** Stops it when it runs, and starts it again. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Kills it and deletes all of its data, as a lost disk would. */
  async wipe(): Promise<void> {
    await this.kill();
    await this.#recipe.wipe();
  }

  /** Ends it, within a second or so, and leaves nothing behind. */
  async dispose(): Promise<void> {
    await this.stop(1_000);
    await this.#recipe.remove();
  }

  async #failure(daemon: Daemon, cause: unknown): Promise<Error> {
    const how = (await daemon.isAlive()) ? 'is not ready in time' : 'ended while starting';
    const log = await daemon.logTail();
    await this.kill();
    await this.#recipe.remove();
    return new Error(`${this.#recipe.name} ${how}. The end of its log:\n${log}`, { cause });
  }
}
