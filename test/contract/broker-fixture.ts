import { randomUUID } from 'node:crypto';
import {
  COMMANDS_EXCHANGE,
  type Broker,
  type BrokerMessage,
} from '../../src/kernel/messaging/broker.js';
import { Deliveries } from './deliveries.js';

/** One client of the store under test: started by its maker, and closed whatever is still in its hands. */
export interface BrokerClient {
  readonly broker: Broker;
  close(): Promise<void>;
}

/** A broker with a queue of the test's own, which takes the commands `<queue>.#`. */
export class BrokerFixture {
  readonly queue = `q-${randomUUID().slice(0, 8)}`;
  readonly #makeClient: () => Promise<BrokerClient>;
  #clients: BrokerClient[] = [];

  constructor(makeClient: () => Promise<BrokerClient>) {
    this.#makeClient = makeClient;
  }

  get broker(): Broker {
    const [first] = this.#clients;
    if (!first) throw new Error('The fixture is not open');
    return first.broker;
  }

  async open(): Promise<this> {
    await this.another();
    await this.declare();
    return this;
  }

  async another(): Promise<BrokerClient> {
    const client = await this.#makeClient();
    this.#clients.push(client);
    return client;
  }

  async close(client: BrokerClient): Promise<void> {
    this.#clients = this.#clients.filter((other) => other !== client);
    await client.close();
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.close()));
  }

  async declare(): Promise<void> {
    const bindings = [{ exchange: COMMANDS_EXCHANGE, routingKey: `${this.queue}.#` }];
    await this.broker.declare([{ name: this.queue, bindings }]);
  }

  async consume(from = this.queue, prefetch = 100, by = this.broker): Promise<Deliveries> {
    const deliveries = new Deliveries();
    await by.consume(from, prefetch, deliveries.receive);
    return deliveries;
  }

  command(content: string | Buffer, more: Partial<BrokerMessage> = {}): BrokerMessage {
    return message({ routingKey: `${this.queue}.run`, payload: Buffer.from(content), ...more });
  }

  async publish(...messages: BrokerMessage[]): Promise<void> {
    expect(await this.broker.publish(messages)).toEqual(messages.map(() => undefined));
  }
}

export function message(more: Partial<BrokerMessage>): BrokerMessage {
  return {
    id: randomUUID(),
    exchange: COMMANDS_EXCHANGE,
    routingKey: 'run',
    headers: {},
    contentType: 'application/json',
    payload: Buffer.alloc(0),
    ...more,
  };
}

export function ids(deliveries: readonly { message: BrokerMessage }[]): string[] {
  return deliveries.map((delivery) => delivery.message.id);
}
