import type { Env } from '../../env.js';
import { COMMANDS_EXCHANGE, EVENTS_EXCHANGE, type QueueDeclaration } from '../broker.js';
import type { EventContract } from '../event-contracts.js';
import { queuesOf } from '../message-scopes.js';
import { deadLettersOf, queueArguments } from '../rabbitmq/topology.js';
import type {
  AmqpChannel,
  AsyncApiDocument,
  Channel,
  ChannelParameter,
  Message,
  Operation,
  Reference,
} from './asyncapi-types.js';
import { answerOf, type NamedParameter, parametersOf } from './handler-parameters.js';
import { exampleOf, type JsonSchema, type Schemas, toJsonSchema } from './json-schemas.js';
import {
  commandMessageOf,
  exampleRoute,
  heardEventOf,
  parametersIn,
  publishedEventOf,
  replyMessageOf,
} from './message-descriptions.js';
import type { DescribedDoor } from './message-doors.js';

type Parts = Pick<AsyncApiDocument, 'channels' | 'operations' | 'components'>;

const REPLIES = 'replies';

const REPLY_ADDRESS = {
  location: '$message.header#/replyTo',
  description: 'The property `reply-to` of the message, with its `correlation-id`; at most once.',
};

/** Puts the parts of the document together, each name once. Channels are known by their address. */
export class DocumentBuilder {
  readonly #channels = new Map<string, Channel>();
  readonly #operations = new Map<string, Operation>();
  readonly #messages = new Map<string, Message>();
  readonly #schemas: Schemas = {};

  constructor(private readonly env: Env) {}

  build(): Parts {
    return {
      channels: sorted(this.#channels),
      operations: sorted(this.#operations),
      components: {
        messages: sorted(this.#messages),
        schemas: sorted(new Map(Object.entries(this.#schemas))),
      },
    };
  }

  /** A route of a scope: a channel of its own, and one of the messages that its queues take. */
  addCommand(described: DescribedDoor): void {
    const { scope, door, summary, controller, method } = described;
    const parameters = parametersOf(controller, method, this.#schemas);
    const message = this.#addMessage(
      described.id,
      commandMessageOf(described, parameters, this.#schemas),
    );
    const queues = queuesOf(scope, this.env);
    queues.forEach((queue) => {
      this.#addToQueue(queue, message);
    });
    const channel = this.#addToChannel(this.#commandChannel(described, parameters.params), message);
    this.#addOperation(described.id, {
      action: 'receive',
      channel: { $ref: `#/channels/${channel}` },
      title: `${scope.name}/${door.pattern}`,
      summary,
      description: howToSend(described, queues, exampleRoute(door.pattern, parameters.params)),
      messages: [{ $ref: `#/channels/${channel}/messages/${message}` }],
      ...this.#reply(described),
    });
    this.#addResult(described);
  }

  /** An event that a scope hears, whoever publishes it. */
  addSubscription(described: DescribedDoor): void {
    const { scope, door, summary, controller, method } = described;
    const parameters = parametersOf(controller, method, this.#schemas);
    const message = this.#addMessage(
      described.id,
      heardEventOf(described, parameters, this.#schemas),
    );
    const queues = queuesOf(scope, this.env);
    queues.forEach((queue) => {
      this.#addToQueue(queue, message);
    });
    const channel = this.#addToChannel(eventChannel(door.pattern), message);
    this.#addOperation(described.id, {
      action: 'receive',
      channel: { $ref: `#/channels/${channel}` },
      title: door.pattern,
      summary,
      description: `Comes into ${list(queues)}, which is bound to \`${EVENTS_EXCHANGE}\` with this type.`,
      messages: [{ $ref: `#/channels/${channel}/messages/${message}` }],
    });
    this.#addResult(described);
  }

  /** An event that a module publishes by its contract. */
  addPublished({ type, description, schema }: EventContract): void {
    const payload = toJsonSchema(schema, 'output', this.#schemas);
    this.#addSend({ type, description }, payload);
  }

  /** The event that carries what a method returns; a contract for the same type has said it better already. */
  #addResult({ resultType, summary, controller, method }: DescribedDoor): void {
    if (resultType === undefined || this.#operations.has(sendName(resultType))) return;
    const payload = toJsonSchema(answerOf(controller, method), 'output', this.#schemas);
    this.#addSend({ type: resultType, description: `The result of: ${summary}` }, payload);
  }

  #addSend(
    event: Pick<EventContract, 'type' | 'description'>,
    payload: JsonSchema | undefined,
  ): void {
    const { type, description } = event;
    const name = idOf(type);
    const message = this.#addMessage(name, publishedEventOf(event, payload, this.#schemas));
    const channel = this.#addToChannel(eventChannel(type), message);
    this.#addOperation(sendName(type), {
      action: 'send',
      channel: { $ref: `#/channels/${channel}` },
      title: type,
      summary: description,
      messages: [{ $ref: `#/channels/${channel}/messages/${message}` }],
    });
  }

  #reply(described: DescribedDoor): Pick<Operation, 'reply'> {
    const { id, controller, method } = described;
    const answer = toJsonSchema(answerOf(controller, method), 'output', this.#schemas);
    if (!answer) return {};
    const title = `${described.scope.name}/${described.door.pattern}`;
    const message = this.#addMessage(
      `${id}_reply`,
      replyMessageOf(id, title, answer, this.#schemas),
    );
    const channel = this.#addToChannel({ id: REPLIES, ...REPLY_CHANNEL }, message);
    return {
      reply: {
        address: REPLY_ADDRESS,
        channel: { $ref: `#/channels/${channel}` },
        messages: [{ $ref: `#/channels/${channel}/messages/${message}` }],
      },
    };
  }

  #commandChannel(
    { scope, door, summary }: DescribedDoor,
    params: readonly NamedParameter[],
  ): NewChannel {
    const queues = queuesOf(scope, this.env);
    const [only] = queues;
    const named = parametersIn(door.pattern).map((name) => [name, this.#parameter(name, params)]);
    return {
      id: idOf(`${scope.name}/${door.pattern}`),
      address: `${scope.name}/${door.pattern.replace(/:([^/]+)/g, '{$1}')}`,
      title: `${scope.name}/${door.pattern}`,
      description: summary,
      ...(named.length > 0
        ? { parameters: Object.fromEntries(named) as Record<string, ChannelParameter> }
        : {}),
      ...(queues.length === 1 && only !== undefined
        ? { bindings: { amqp: queueBinding(only.name) } }
        : {}),
    };
  }

  #parameter(name: string, params: readonly NamedParameter[]): ChannelParameter {
    const schema = params.find((param) => param.name === name)?.schema ?? { type: 'string' };
    return {
      ...(typeof schema['description'] === 'string' ? { description: schema['description'] } : {}),
      ...(Array.isArray(schema['enum']) ? { enum: schema['enum'].map(String) } : {}),
      examples: [String(exampleOf(schema, this.#schemas))],
    };
  }

  #addToQueue(queue: QueueDeclaration, message: string): void {
    const { name } = queue;
    const description = `The queue itself. Publish into it by the default exchange with routing key \`${name}\` and the header \`route\`. What cannot be handled goes to \`${deadLettersOf(name)}\`.`;
    const amqp = { ...queueBinding(name), 'x-arguments': queueArguments(queue) };
    const title = `Queue ${name}`;
    this.#addToChannel(
      { id: idOf(name), address: name, title, description, bindings: { amqp } },
      message,
    );
  }

  #addToChannel({ id, ...channel }: NewChannel, message: string): string {
    const known = this.#channels.get(id);
    const reference: Reference = { $ref: `#/components/messages/${message}` };
    this.#channels.set(id, {
      ...channel,
      messages: { ...known?.messages, [message]: reference },
    });
    return id;
  }

  #addMessage(id: string, message: Message): string {
    const name = unused(id, this.#messages);
    this.#messages.set(name, { ...message, name });
    return name;
  }

  #addOperation(id: string, operation: Operation): void {
    this.#operations.set(unused(id, this.#operations), operation);
  }
}

type NewChannel = Omit<Channel, 'messages'> & { readonly id: string };

const REPLY_CHANNEL = {
  address: null,
  title: 'Answers',
  description: 'Whatever queue the asker names in the property `reply-to`.',
};

function eventChannel(type: string): NewChannel {
  const exchange = {
    name: EVENTS_EXCHANGE,
    type: 'topic',
    durable: true,
    autoDelete: false,
  } as const;
  const names = parametersIn(type);
  return {
    id: idOf(type),
    address: type.replace(/:([^/]+)/g, '{$1}'),
    title: type,
    description: `Topic exchange \`${EVENTS_EXCHANGE}\`; the type is the routing key.`,
    ...(names.length > 0
      ? { parameters: Object.fromEntries(names.map((name) => [name, {}])) }
      : {}),
    bindings: { amqp: { is: 'routingKey', exchange, bindingVersion: '0.3.0' } },
  };
}

function queueBinding(name: string): AmqpChannel {
  const queue = { name, durable: true, exclusive: false, autoDelete: false } as const;
  return { is: 'queue', queue, bindingVersion: '0.3.0' };
}

function howToSend(
  { scope, door }: DescribedDoor,
  queues: readonly QueueDeclaration[],
  route: string,
): string {
  return [
    `Publish into ${list(queues)} with the header \`route=${route}\`, or to the exchange \`${COMMANDS_EXCHANGE}\` with the name of the queue as routing key and the same header.`,
    door.idempotent
      ? 'A repeated message runs the handler again, which is harmless.'
      : 'One effect per message id, however often the message comes.',
    ...(scope.lanes ? ['The queues are lanes of one scope; the sender chooses.'] : []),
  ].join(' ');
}

function list(queues: readonly QueueDeclaration[]): string {
  return queues.map(({ name }) => `\`${name}\``).join(' or ');
}

const sendName = (type: string): string => `publish_${idOf(type)}`;

/** Keys of the document hold letters, digits and `. _ -` only. */
function idOf(address: string): string {
  return address.replaceAll('/', '.').replace(/[^\w.-]/g, '');
}

/** Two controllers of one name, or two doors of one method, are told apart by a number. */
function unused(id: string, taken: ReadonlyMap<string, unknown>): string {
  let name = id;
  for (let number = 2; taken.has(name); number += 1) name = `${id}_${number}`;
  return name;
}

function sorted<Value>(entries: ReadonlyMap<string, Value>): Record<string, Value> {
  return Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
}
