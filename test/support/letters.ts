import { inspect } from 'node:util';
import type { Broker, Consumption, Delivery, Headers } from '../../src/kernel/messaging/broker.js';
import { HEADER } from '../../src/kernel/messaging/message-headers.js';
import type { HttpClient } from './http-client.js';
import { until, type UntilOptions } from './until.js';

/** A dead letter as the API answers it; a list leaves the last three out. */
export interface DeadLetterBody {
  readonly id: string;
  readonly queue: string;
  readonly message_id: string;
  readonly exchange: string;
  readonly routing_key: string;
  readonly route: string | null;
  readonly reason: string;
  readonly reason_class: string;
  readonly attempts: number;
  readonly deaths: number;
  readonly state: 'dead' | 'redriven';
  readonly died_at: string;
  readonly redriven_at: string | null;
  readonly headers: Headers;
  readonly content_type: string;
  readonly payload: { encoding: 'json' | 'text' | 'base64'; content: unknown; bytes: number };
}

/** A message that was taken out of a queue by a test, or died. */
export interface Letter {
  readonly id: string;
  readonly routingKey: string;
  readonly headers: Headers;
  /** Why it is a dead letter, or why it was tried again. */
  readonly reason: string;
  /** Its JSON, or its text. */
  readonly body: unknown;
}

/** The dead letters of one queue, as the API tells them once they are collected. */
export class DeadLetters {
  constructor(
    private readonly http: HttpClient,
    private readonly queue: string,
  ) {}

  /** The letter of the message with that id, when it is there; an older death of it is passed over. */
  async withId(id: string, deaths = 1): Promise<Letter> {
    const { id: letterId } = await until(
      async () => (await this.#of({ message_id: id })).find((one) => one.deaths >= deaths),
      { what: `a dead letter ${id} in ${this.queue}` },
    );
    const { body } = await this.http.get<DeadLetterBody>(`/dead-letters/${letterId}`);
    return {
      id: body.message_id,
      routingKey: body.routing_key,
      headers: body.headers,
      reason: body.reason,
      body: body.payload.content,
    };
  }

  /** The ids of the messages, the latest death first. */
  async ids(): Promise<string[]> {
    return (await this.#of()).map((letter) => letter.message_id);
  }

  async #of(filter: Record<string, string> = {}): Promise<DeadLetterBody[]> {
    const query = new URLSearchParams({ queue: this.queue, limit: '200', ...filter });
    const path = `/dead-letters?${query.toString()}`;
    return (await this.http.get<{ items: DeadLetterBody[] }>(path)).body.items;
  }
}

/** Everything that arrives in a queue, taken and acknowledged as it comes. */
export class Letters {
  readonly all: Letter[] = [];
  #consumption: Consumption | undefined;

  async collect(broker: Broker, queue: string): Promise<void> {
    this.#consumption = await broker.consume(queue, 1_000, (delivery) => {
      this.all.push(read(delivery));
      void delivery.ack();
    });
  }

  /** The first letter with that id, when it arrives. */
  withId(id: string, options?: UntilOptions): Promise<Letter> {
    return until(() => this.all.find((letter) => letter.id === id), {
      what: `letter ${id} among ${inspect(this.all)}`,
      ...options,
    });
  }

  /** Waits for a letter under that routing key whose body has what the matcher has. */
  async expect(routingKey: string, matcher: object): Promise<void> {
    const bodies = () => this.all.filter((l) => l.routingKey === routingKey).map((l) => l.body);
    await until(() => bodies().length > 0, { what: `an event ${routingKey}` });
    const matching = () => {
      expect(bodies()).toContainEqual(expect.objectContaining(matcher));
      return true;
    };
    await until(() => passes(matching)).catch(() => matching());
  }

  async stop(): Promise<void> {
    await this.#consumption?.stop();
  }
}

function passes(check: () => boolean): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}

function read({ message }: Delivery): Letter {
  const text = message.payload.toString();
  return {
    id: message.id,
    routingKey: message.routingKey,
    headers: message.headers,
    reason: message.headers[HEADER.error] ?? '',
    body: parsed(text),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
