import type { LoggerService } from '@nestjs/common';

export interface ConnectorOptions {
  /** May be repeated when it threw. */
  readonly connect: () => Promise<void>;
  readonly probe: () => Promise<unknown>;
  readonly logger: Pick<LoggerService, 'warn' | 'error'>;
}

const RETRY_MS = 1_000;

/** Connects once, again and again until it succeeds, and from then on knows whether Postgres answers. */
export class Connector {
  #connected = false;
  #failure: string | undefined = 'not started';
  #timer: NodeJS.Timeout | undefined;
  #attempt: Promise<void> | undefined;
  #closed = false;

  constructor(private readonly options: ConnectorOptions) {}

  /** True from the first connection on, also while Postgres is away. */
  get connected(): boolean {
    return this.#connected;
  }

  /** Why Postgres cannot be used at present; undefined when all is well. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Resolves after the first attempt; if it failed, more follow every second. */
  async start(): Promise<void> {
    this.#attempt ??= this.#try();
    await this.#attempt;
  }

  /** Something failed: asks Postgres whether it is there, until it is. */
  doubt(): void {
    if (this.#connected && !this.#closed) this.#attempt ??= this.#try();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#attempt;
    this.#failure = 'closed';
  }

  async #try(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      await (this.#connected ? this.options.probe() : this.options.connect());
      this.#connected = true;
      this.#failure = undefined;
    } catch (error) {
      const reason = error instanceof Error ? error.message || error.name : String(error);
      if (this.#failure !== reason) this.options.logger.warn(`Postgres broker is down: ${reason}`);
      this.#failure = reason;
      if (!this.#closed) this.#timer = setTimeout(() => void this.start(), RETRY_MS);
    } finally {
      this.#attempt = undefined;
    }
  }
}
