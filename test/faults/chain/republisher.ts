import { setTimeout as delay } from 'node:timers/promises';
import type { Broker, BrokerMessage } from '../../../src/kernel/messaging/broker.js';
import type { Chance } from '../chance.js';

const DAY_MS = 24 * 3_600_000;
const PORTION = 100;
const PAUSE_MS = 30;

/** Notes every message of some addresses, and sends them again as a broker at its worst would. */
export class Republisher {
  readonly #seen: BrokerMessage[] = [];

  private constructor(
    private readonly broker: Broker,
    private readonly chance: Chance,
  ) {}

  static async listen(
    broker: Broker,
    bindings: readonly { exchange: BrokerMessage['exchange']; routingKey: string }[],
    chance: Chance,
  ): Promise<Republisher> {
    const republisher = new Republisher(broker, chance);
    await broker.declare([{ name: 'republisher', bindings }]);
    await broker.consume('republisher', 1_000, (delivery) => {
      republisher.#seen.push(delivery.message);
      void delivery.ack();
    });
    return republisher;
  }

  /** What came so far by that exchange. */
  seen(exchange: BrokerMessage['exchange']): BrokerMessage[] {
    return this.#seen.filter((message) => message.exchange === exchange);
  }

  /** Each of them `times` times, in any order, from yesterday, in portions with pauses; the `others` are strewn among them. */
  async repeat(
    messages: readonly BrokerMessage[],
    times: number,
    others: readonly BrokerMessage[] = [],
  ): Promise<void> {
    const copies = messages.flatMap((message) => Array.from({ length: times }, () => old(message)));
    const shuffled = [...copies, ...others]
      .map((message) => ({ message, place: this.chance.next() }))
      .sort((a, b) => a.place - b.place)
      .map(({ message }) => message);
    for (let from = 0; from < shuffled.length; from += PORTION) {
      const portion = shuffled.slice(from, from + PORTION);
      const outcomes = await this.broker.publish(portion);
      expect(outcomes).toEqual(portion.map(() => undefined));
      await delay(PAUSE_MS);
    }
  }
}

function old(message: BrokerMessage): BrokerMessage {
  const yesterday = new Date(Date.now() - DAY_MS).toISOString();
  const headers = { ...message.headers, 'cloudEvents:time': yesterday, 'x-first-at': yesterday };
  return { ...message, headers };
}
