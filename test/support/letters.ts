import { inspect } from 'node:util';
import type { Broker, Consumption, Delivery, Headers } from '../../src/kernel/messaging/broker.js';
import { HEADER } from '../../src/kernel/messaging/message-headers.js';
import { until, type UntilOptions } from './until.js';

/** A message that was taken out of a queue by a test. */
export interface Letter {
  readonly id: string;
  readonly routingKey: string;
  readonly headers: Headers;
  /** Why it is a dead letter, or why it was tried again. */
  readonly reason: string;
  /** Its JSON, or its text. */
  readonly body: unknown;
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
