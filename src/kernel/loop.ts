import { Logger } from '@nestjs/common';
import { Pause } from './pause.js';

export interface LoopOptions {
  readonly name: string;
  /** Longest pause between two rounds that found nothing. */
  readonly idleMs: number;
  /** Pause after a failed round, doubled up to 5 s while it keeps failing. Default 200. */
  readonly retryMs?: number;
}

const MAX_RETRY_MS = 5_000;

/**
 * Runs a round again and again until it is stopped: at once after a round that did something, after a wake-up,
 * or when the pause ends. A round that throws is logged and repeated with back-off; the loop never ends by itself.
 */
export class Loop {
  readonly #logger: Logger;
  readonly #pause = new Pause();
  #running: Promise<void> | undefined;
  #stopping = false;
  #woken = false;

  /** `round` resolves to the number of things it did. */
  constructor(
    private readonly options: LoopOptions,
    private readonly round: () => Promise<number>,
  ) {
    this.#logger = new Logger(options.name);
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  start(): void {
    this.#stopping = false;
    this.#running ??= this.#run();
  }

  wake(): void {
    this.#woken = true;
    this.#pause.end();
  }

  /** Resolves when the round under way has ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.wake();
    await this.#running;
    this.#running = undefined;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#stopping) {
      this.#woken = false;
      try {
        const done = await this.round();
        failures = 0;
        if (done === 0) await this.#idle(this.options.idleMs);
      } catch (error) {
        failures += 1;
        this.#logger.error({ err: error, failures }, `${this.options.name} failed and will go on`);
        this.#woken = false;
        await this.#idle(
          Math.min(MAX_RETRY_MS, (this.options.retryMs ?? 200) * 2 ** Math.min(failures - 1, 10)),
        );
      }
    }
  }

  async #idle(ms: number): Promise<void> {
    if (!this.#woken && !this.#stopping) await this.#pause.wait(ms);
  }
}
