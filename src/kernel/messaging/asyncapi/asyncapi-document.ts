import type { ModulesContainer } from '@nestjs/core';
import type { Env } from '../../env.js';
import { VERSION } from '../../version.js';
import { DocumentBuilder } from './document-builder.js';
import { describedDoors, describedResults, publishedEvents } from './message-doors.js';
import type { AsyncApiDocument, Server } from './asyncapi-types.js';

const DESCRIPTION = `The messages that Millrace takes and publishes. The same methods answer [HTTP](/api/docs).

**To send a command** from any AMQP client, publish it straight into the scope's queue (default exchange, routing key =
name of the queue) with the header \`route\`: \`create\`, or \`019aa3a4-5b6c-7d8e-9f00-112233445566/cancel\`. Parameters
that the route lacks are taken from the headers of the same name. The payload is JSON in UTF-8; text is sent with content
type \`text/plain\`. A message keeps its effect single by its \`message-id\`; one without an id gets one on arrival.

A message with \`reply-to\` is answered there, at most once: with what the method returned, or, when it went to the dead
letters, with \`{ "error": { "code", "message" } }\`.

**To hear of events**, bind a queue of your own to the topic exchange \`millrace.events\` with the event's type as
routing key. Events are CloudEvents 1.0 in binary mode. They come at least once, and those of one subject in order.

**What cannot be handled**, because it is unreadable, breaks its schema or a rule, goes to \`<queue>.dlq\` with the reason
in the header \`x-error\`; \`GET /dead-letters\` lists it from then on, and it can be sent again. Other failures are tried
again before, by default after 1 s, 5 s, 30 s, 2 min and 10 min.`;

const RABBITMQ: Server = {
  host: '{host}',
  protocol: 'amqp',
  protocolVersion: '0.9.1',
  description:
    'RabbitMQ 3.10 or newer, where AMQP_URL points. Without it Postgres carries the same messages, for `npm run send` and for programs of this repository only.',
  variables: { host: { default: 'localhost:5672', description: 'Host and port of AMQP_URL' } },
};

/**
 * The AsyncAPI 3.0 document of the modules that the process carries: every message door, every declared event. It reads
 * decorators only, so nothing needs to run; the same source and settings always give the same text.
 */
export function asyncApiDocument(modules: ModulesContainer, env: Env): AsyncApiDocument {
  const builder = new DocumentBuilder(env);
  publishedEvents(modules).forEach((contract) => {
    builder.addPublished(contract);
  });
  describedResults(modules).forEach((result) => {
    builder.addResult(result);
  });
  describedDoors(modules).forEach((door) => {
    if (door.door.kind === 'command') builder.addCommand(door);
    else builder.addSubscription(door);
  });
  return {
    asyncapi: '3.0.0',
    info: { title: 'Millrace messages', version: VERSION, description: DESCRIPTION },
    defaultContentType: 'application/json',
    servers: { rabbitmq: RABBITMQ },
    ...builder.build(),
  };
}
