import { accessOf } from '../../access/access.decorators.js';
import type { Env } from '../../env.js';
import { COMMANDS_EXCHANGE, EVENTS_EXCHANGE, type QueueDeclaration } from '../broker.js';
import type { EventContract } from '../event-contracts.js';
import { EventRoute } from '../event-route.js';
import { resultTypeOf } from '../message.decorators.js';
import { queuesOf } from '../message-scopes.js';
import type { AsyncApiDocument, Channel, Message, Operation, Reference } from './asyncapi-types.js';
import {
  commandChannel,
  eventChannel,
  eventParameters,
  idOf,
  type NewChannel,
  queueChannel,
  REPLY_CHANNEL,
  routeParameters,
} from './channels.js';
import { answerOf, type NamedParameter, parametersOf, readBy } from './handler-parameters.js';
import { type JsonSchema, type Schemas, toJsonSchema } from './json-schemas.js';
import {
  commandMessageOf,
  errorReply,
  exampleRoute,
  heardEventOf,
  publishedEventOf,
  replyMessageOf,
} from './message-descriptions.js';
import type { DescribedDoor, DescribedResult } from './message-doors.js';

type Parts = Pick<AsyncApiDocument, 'channels' | 'operations' | 'components'>;

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
    const { scope, door, summary } = described;
    const read = readBy(described, this.#schemas);
    const message = this.#addMessage(
      described.id,
      commandMessageOf(described, read, this.#schemas),
    );
    const queues = this.#addToQueues(described, message);
    const parameters = routeParameters(door.pattern, read.params, this.#schemas);
    const channel = this.#addToChannel(commandChannel(described, queues, parameters), message);
    this.#addOperation(described.id, {
      action: 'receive',
      channel: { $ref: `#/channels/${channel}` },
      title: `${scope.name}/${door.pattern}`,
      summary,
      description: howToSend(described, queues, exampleRoute(door.pattern, read.params)),
      messages: [{ $ref: `#/channels/${channel}/messages/${message}` }],
      reply: this.#reply(described),
    });
  }

  /** An event that a scope hears, whoever publishes it. */
  addSubscription(described: DescribedDoor): void {
    const { door, summary } = described;
    const read = readBy(described, this.#schemas);
    const message = this.#addMessage(described.id, heardEventOf(described, read, this.#schemas));
    const queues = this.#addToQueues(described, message);
    const channel = this.#addToEvent(door.pattern, read.params, message);
    const { binding } = new EventRoute(door.pattern);
    this.#addOperation(described.id, {
      action: 'receive',
      channel: { $ref: `#/channels/${channel}` },
      title: door.pattern,
      summary,
      description: `Comes into ${list(queues)}, which is bound to \`${EVENTS_EXCHANGE}\` with \`${binding}\`.`,
      messages: [{ $ref: `#/channels/${channel}/messages/${message}` }],
    });
  }

  /** An event that a module publishes by its contract. */
  addPublished({ type, description, schema }: EventContract): void {
    const payload = toJsonSchema(schema, 'output', this.#schemas);
    this.#addSend({ type, description }, payload, []);
  }

  /** The event that carries what a method returns; a contract for the same type has said it better already. */
  addResult({ route, schema, summary, controller, method }: DescribedResult): void {
    if (this.#operations.has(sendName(route))) return;
    const answer = schema ?? answerOf(controller, method);
    const payload = toJsonSchema(answer, 'output', this.#schemas);
    const { params, headers } = parametersOf(controller, method, this.#schemas);
    const description = `The result of: ${summary}`;
    this.#addSend({ type: route, description }, payload, [...params, ...headers]);
  }

  #addSend(
    event: Pick<EventContract, 'type' | 'description'>,
    payload: JsonSchema | undefined,
    params: readonly NamedParameter[],
  ): void {
    const { type, description } = event;
    const { parameters, binding } = new EventRoute(type);
    const message = this.#addMessage(
      idOf(type),
      publishedEventOf(event, { payload, params }, this.#schemas),
    );
    const channel = this.#addToEvent(type, params, message);
    this.#addOperation(sendName(type), {
      action: 'send',
      channel: { $ref: `#/channels/${channel}` },
      title: type,
      summary: description,
      ...(parameters.length > 0
        ? { description: `Bind a queue to \`${EVENTS_EXCHANGE}\` with \`${binding}\` to hear all.` }
        : {}),
      messages: [{ $ref: `#/channels/${channel}/messages/${message}` }],
    });
  }

  /** Every command may be asked for an answer: the method's own, or the error of a dead letter. */
  #reply(described: DescribedDoor): NonNullable<Operation['reply']> {
    const { id, scope, door } = described;
    const title = `${scope.name}/${door.pattern}`;
    const answer = this.#addMessage(
      `${id}_reply`,
      replyMessageOf(id, title, this.#answer(described), this.#schemas),
    );
    const error = errorReply(this.#schemas);
    this.#messages.set(error.name, error);
    const messages = [answer, error.name].map((message) => {
      const channel = this.#addToChannel(REPLY_CHANNEL, message);
      return { $ref: `#/channels/${channel}/messages/${message}` };
    });
    return {
      address: REPLY_ADDRESS,
      channel: { $ref: `#/channels/${REPLY_CHANNEL.id}` },
      messages,
    };
  }

  #answer({ controller, method, door }: DescribedDoor): JsonSchema {
    if (door.batch !== undefined) return { type: 'null' };
    const answer = toJsonSchema(answerOf(controller, method), 'output', this.#schemas);
    return answer ?? { description: '`null` where the method returns nothing.', examples: [null] };
  }

  #addToQueues({ scope }: DescribedDoor, message: string): QueueDeclaration[] {
    const queues = queuesOf(scope, this.env);
    for (const queue of queues) this.#addToChannel(queueChannel(queue), message);
    return queues;
  }

  #addToEvent(pattern: string, params: readonly NamedParameter[], message: string): string {
    const parameters = eventParameters(pattern, params, this.#schemas);
    return this.#addToChannel(eventChannel(pattern, parameters), message);
  }

  #addToChannel({ id, ...channel }: NewChannel, message: string): string {
    const same = [...this.#channels].find(([, { address }]) => address === channel.address);
    const [name, known] = same ?? [unused(id, this.#channels), undefined];
    const reference: Reference = { $ref: `#/components/messages/${message}` };
    this.#channels.set(name, {
      ...channel,
      messages: { ...known?.messages, [message]: reference },
    });
    return name;
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

function howToSend(
  { scope, door, controller, method }: DescribedDoor,
  queues: readonly QueueDeclaration[],
  route: string,
): string {
  const publishes = resultTypeOf(controller.prototype as object, method) !== undefined;
  return [
    `Publish into ${list(queues)} with the header \`route=${route}\`, or to the exchange \`${COMMANDS_EXCHANGE}\` with the name of the queue as routing key and the same header.`,
    door.idempotent && !publishes
      ? 'A repeated message runs the handler again, which is harmless.'
      : 'One effect per message id, however often the message comes.',
    ...(scope.lanes ? ['The queues are lanes of one scope; the sender chooses.'] : []),
    whoMaySend(controller, method),
  ].join(' ');
}

function whoMaySend(controller: DescribedDoor['controller'], method: string): string {
  const callback = (controller.prototype as Record<string, object>)[method] ?? {};
  const access = accessOf(controller, callback);
  if (access === 'public') return 'Anybody may send it.';
  if (access === 'system') return 'Only the program itself sends it.';
  const who = '`AUTH_MODE=required` asks for the header `authorization: Bearer <access token>`';
  return access === 'caller' ? `${who}.` : `${who} of a user with the right \`${access.right}\`.`;
}

function list(queues: readonly QueueDeclaration[]): string {
  return queues.map(({ name }) => `\`${name}\``).join(' or ');
}

const sendName = (type: string): string => `publish_${idOf(type)}`;

/** Two controllers of one name, or two doors of one method, are told apart by a number. */
function unused(id: string, taken: ReadonlyMap<string, unknown>): string {
  let name = id;
  for (let number = 2; taken.has(name); number += 1) name = `${id}_${number}`;
  return name;
}

function sorted<Value>(entries: ReadonlyMap<string, Value>): Record<string, Value> {
  return Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
}
