import type { QueueArguments } from '../rabbitmq/topology.js';
import type { JsonSchema, Schemas } from './json-schemas.js';

/** The parts of AsyncAPI 3.0 that the document uses. */
export interface AsyncApiDocument {
  readonly asyncapi: '3.0.0';
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly defaultContentType: string;
  readonly servers: Readonly<Record<string, Server>>;
  readonly channels: Readonly<Record<string, Channel>>;
  readonly operations: Readonly<Record<string, Operation>>;
  readonly components: {
    readonly messages: Readonly<Record<string, Message>>;
    readonly schemas: Schemas;
  };
}

export interface Reference {
  readonly $ref: string;
}

export interface Server {
  readonly host: string;
  readonly protocol: string;
  readonly protocolVersion: string;
  readonly description: string;
  readonly variables: Readonly<Record<string, { default: string; description: string }>>;
}

export interface Channel {
  readonly address: string | null;
  readonly title: string;
  readonly description: string;
  readonly parameters?: Readonly<Record<string, ChannelParameter>>;
  readonly messages: Readonly<Record<string, Reference>>;
  readonly bindings?: { readonly amqp: AmqpChannel };
}

export interface ChannelParameter {
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly examples?: readonly string[];
}

/** AMQP binding 0.3.0: a queue, or an exchange with the channel's address as routing key. */
export interface AmqpChannel {
  readonly is: 'queue' | 'routingKey';
  readonly queue?: {
    readonly name: string;
    readonly durable: true;
    readonly exclusive: false;
    readonly autoDelete: false;
  };
  readonly exchange?: {
    readonly name: string;
    readonly type: 'topic';
    readonly durable: true;
    readonly autoDelete: false;
  };
  /** What the queue is declared with; a queue of that name with other arguments is refused by RabbitMQ. */
  readonly 'x-arguments'?: QueueArguments;
  /** The topic pattern by which a queue hears every event of a route with parameters. */
  readonly 'x-binding-key'?: string;
  readonly bindingVersion: '0.3.0';
}

export interface Operation {
  readonly action: 'receive' | 'send';
  readonly channel: Reference;
  readonly title: string;
  readonly summary: string;
  readonly description?: string;
  readonly messages: readonly Reference[];
  readonly reply?: {
    readonly address: { readonly location: string; readonly description: string };
    readonly channel: Reference;
    readonly messages: readonly Reference[];
  };
}

export interface Message {
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  readonly contentType: string;
  readonly headers?: JsonSchema;
  readonly payload?: JsonSchema;
  readonly correlationId?: { readonly location: string };
  readonly examples: readonly {
    readonly name: string;
    readonly headers?: object;
    readonly payload?: unknown;
  }[];
}
