import { EVENTS_EXCHANGE, type QueueDeclaration } from '../broker.js';
import { EventRoute } from '../event-route.js';
import { deadLettersOf, queueArguments } from '../rabbitmq/topology.js';
import type { AmqpChannel, Channel, ChannelParameter } from './asyncapi-types.js';
import type { NamedParameter } from './handler-parameters.js';
import { exampleOf, type Schemas } from './json-schemas.js';
import { parametersIn, ROUTE_PARAMETER } from './message-descriptions.js';
import type { DescribedDoor } from './message-doors.js';

/** A channel before it is known which messages go through it. */
export type NewChannel = Omit<Channel, 'messages'> & { readonly id: string };

export const REPLY_CHANNEL: NewChannel = {
  id: 'replies',
  address: null,
  title: 'Answers',
  description: 'Whatever queue the asker names in the property `reply-to`.',
};

/** A route of a scope, as a part of the one queue that takes it. */
export function commandChannel(
  { scope, door, summary }: DescribedDoor,
  queues: readonly QueueDeclaration[],
  parameters: Channel['parameters'],
): NewChannel {
  const [only] = queues;
  const title = `${scope.name}/${door.pattern}`;
  return {
    id: idOf(title),
    // Braces of its own would be read as parameters.
    address: title.replace(/[{}]/g, encodeURIComponent).replace(ROUTE_PARAMETER, '{$1}'),
    title,
    description: summary,
    ...(parameters ? { parameters } : {}),
    ...(queues.length === 1 && only ? { bindings: { amqp: queueBinding(only.name) } } : {}),
  };
}

/** The queue itself, with what it is declared with. */
export function queueChannel(queue: QueueDeclaration): NewChannel {
  const { name, ordered } = queue;
  const description = [
    `The queue itself. Publish into it by the default exchange with routing key \`${name}\` and the header \`route\`.`,
    ...(ordered
      ? [
          'It is ordered: one process at a time is served, and messages of one key (header `x-key`, else `cloudEvents:subject`) are handled one after the other.',
        ]
      : []),
    `What cannot be handled goes to \`${deadLettersOf(name)}\`, and from there to the [dead letters](/api/docs).`,
  ].join(' ');
  const amqp = { ...queueBinding(name), 'x-arguments': queueArguments(queue) };
  return { id: idOf(name), address: name, title: `Queue ${name}`, description, bindings: { amqp } };
}

/** Events of one route, by their routing key; to hear them all a queue is bound with `x-binding-key`. */
export function eventChannel(pattern: string, parameters: Channel['parameters']): NewChannel {
  const { address, binding } = new EventRoute(pattern);
  const exchange = {
    name: EVENTS_EXCHANGE,
    type: 'topic',
    durable: true,
    autoDelete: false,
  } as const;
  const amqp = { is: 'routingKey', exchange, bindingVersion: '0.3.0' } as const;
  return {
    id: idOf(pattern),
    address,
    title: pattern,
    description: parameters
      ? `Topic exchange \`${EVENTS_EXCHANGE}\`; the routing key holds the parameters, percent-encoded with their dots.`
      : `Topic exchange \`${EVENTS_EXCHANGE}\`; the type is the routing key.`,
    ...(parameters ? { parameters } : {}),
    bindings: { amqp: parameters ? { ...amqp, 'x-binding-key': binding } : amqp },
  };
}

/** The parameters in a command's route, as its method reads them. Undefined where there are none. */
export function routeParameters(
  pattern: string,
  params: readonly NamedParameter[],
  schemas: Schemas,
): Channel['parameters'] {
  return described(parametersIn(pattern), params, schemas);
}

/** The same for an event's route. */
export function eventParameters(
  pattern: string,
  params: readonly NamedParameter[],
  schemas: Schemas,
): Channel['parameters'] {
  return described(new EventRoute(pattern).parameters, params, schemas);
}

function described(
  names: readonly string[],
  params: readonly NamedParameter[],
  schemas: Schemas,
): Channel['parameters'] {
  if (names.length === 0) return undefined;
  return Object.fromEntries(names.map((name) => [name, parameter(name, params, schemas)]));
}

function parameter(
  name: string,
  params: readonly NamedParameter[],
  schemas: Schemas,
): ChannelParameter {
  const schema = params.find((param) => param.name === name)?.schema ?? { type: 'string' };
  return {
    ...(typeof schema['description'] === 'string' ? { description: schema['description'] } : {}),
    ...(Array.isArray(schema['enum']) ? { enum: schema['enum'].map(String) } : {}),
    examples: [String(exampleOf(schema, schemas))],
  };
}

function queueBinding(name: string): AmqpChannel {
  const queue = { name, durable: true, exclusive: false, autoDelete: false } as const;
  return { is: 'queue', queue, bindingVersion: '0.3.0' };
}

/** Keys of the document hold letters, digits and `. _ -` only. */
export function idOf(address: string): string {
  return address.replaceAll('/', '.').replace(/[^\w.-]/g, '');
}
