import { Injectable } from '@nestjs/common';
import { ROUTE_ARGS_METADATA, RouteParamtypes } from '@nestjs/common/internal';
import { ExternalContextCreator, ModulesContainer } from '@nestjs/core';
import type { BrokerMessage } from './broker.js';

/** What guards, pipes, interceptors and parameters see of a message: it looks like a request. */
export interface MessageRequest {
  readonly body: unknown;
  readonly params: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly message: BrokerMessage;
  readonly attempt: number;
}

export type Invoke = (request: MessageRequest) => Promise<unknown>;

/** Context type of message handlers, for guards and filters that treat the doors differently. */
const MESSAGE_CONTEXT = 'amqp';

/** Calls controller methods through Nest's own guards, pipes, interceptors and filters. */
@Injectable()
export class MessageInvoker {
  constructor(
    private readonly creator: ExternalContextCreator,
    private readonly modules: ModulesContainer,
  ) {
    // Nest looks for the host of an external handler among providers only; ours are controllers.
    const lookUp = creator.getContextModuleKey.bind(creator);
    creator.getContextModuleKey = (type) => lookUp(type) || this.#moduleOfController(type);
  }

  create(instance: object, method: string): Invoke {
    const callback = (instance as Record<string, (...args: unknown[]) => unknown>)[method];
    if (!callback) throw new Error(`${instance.constructor.name} has no method ${method}`);
    return this.creator.create(
      instance,
      callback,
      method,
      ROUTE_ARGS_METADATA,
      {
        exchangeKeyForValue: (type, data, args: [MessageRequest]) =>
          readArgument(type, data, args[0]),
      },
      undefined,
      undefined,
      undefined,
      MESSAGE_CONTEXT,
    ) as Invoke;
  }

  #moduleOfController(type: unknown): string {
    for (const [key, module] of this.modules.entries()) {
      if ([...module.controllers.values()].some((wrapper) => wrapper.metatype === type)) return key;
    }
    return '';
  }
}

/** Parameters that the route lacks are taken from the headers of the same name. */
function readArgument(type: RouteParamtypes, data: unknown, request: MessageRequest): unknown {
  const name = typeof data === 'string' ? data : undefined;
  switch (type) {
    case RouteParamtypes.BODY:
      return name ? (request.body as Record<string, unknown> | null)?.[name] : request.body;
    case RouteParamtypes.PARAM:
      return name
        ? (request.params[name] ?? request.headers[name])
        : { ...request.headers, ...request.params };
    case RouteParamtypes.QUERY:
      return name ? request.headers[name] : request.headers;
    case RouteParamtypes.HEADERS:
      return name ? request.headers[name.toLowerCase()] : request.headers;
    case RouteParamtypes.REQUEST:
      return request;
    default:
      return undefined;
  }
}
