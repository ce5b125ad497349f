import { Injectable } from '@nestjs/common';
import { ROUTE_ARGS_METADATA, RouteParamtypes } from '@nestjs/common/internal';
import { ExternalContextCreator, ModulesContainer } from '@nestjs/core';
import { MESSAGES } from '@nestjs/core/internal';
import { RpcException } from '@nestjs/microservices';
import { PARAM_ARGS_METADATA } from '@nestjs/microservices/constants.js';
import { DEFAULT_CALLBACK_METADATA } from '@nestjs/microservices/context/rpc-metadata-constants.js';
import { RpcParamsFactory } from '@nestjs/microservices/factories/rpc-params-factory.js';
import { isObservable, lastValueFrom } from 'rxjs';
import type { Caller } from '../access/caller.js';
import type { BrokerMessage } from './broker.js';
import { MessageContext } from './message-context.js';

/** What guards, pipes, interceptors and parameters see of a message: it looks like a request. */
export interface MessageRequest {
  readonly body: unknown;
  readonly params: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly message: BrokerMessage;
  readonly attempt: number;
  /** Who sent it. */
  readonly caller: Caller;
}

export type Invoke = (request: MessageRequest) => Promise<unknown>;

/** How Nest reads the arguments of a method, and what it calls the context of the call. */
interface Calling {
  readonly type: 'amqp' | 'rpc';
  readonly metadata: string;
  readonly params: Parameters<ExternalContextCreator['create']>[4];
}

/** The context type tells guards and filters the doors apart. */
const AS_REQUEST: Calling = {
  type: 'amqp',
  metadata: ROUTE_ARGS_METADATA,
  params: {
    exchangeKeyForValue: (type, data, args: [MessageRequest]) => readArgument(type, data, args[0]),
  },
};
const rpcParams = new RpcParamsFactory();
const AS_RPC: Calling = {
  type: 'rpc',
  metadata: PARAM_ARGS_METADATA,
  params: {
    exchangeKeyForValue: (type, data, args: unknown[]): unknown =>
      rpcParams.exchangeKeyForValue(type, data as string | undefined, args),
  },
};

/** Calls controller methods through Nest's own guards, pipes, interceptors and filters. */
@Injectable()
export class MessageInvoker {
  readonly #creator: ExternalContextCreator;

  constructor(
    creator: ExternalContextCreator,
    private readonly modules: ModulesContainer,
  ) {
    this.#creator = Object.create(creator) as ExternalContextCreator;
    // Nest looks for the host of an external handler among providers only; ours are controllers.
    this.#creator.getContextModuleKey = (type) =>
      creator.getContextModuleKey(type) || this.#moduleOfController(type);
    this.#creator.transformToResult = resultOf;
  }

  create(instance: object, method: string): Invoke {
    return this.#create(instance, method, AS_REQUEST);
  }

  /**
   * For a method with Nest's own `@MessagePattern` or `@EventPattern`: it gets payload and {@link MessageContext}. An
   * Observable, its own or a filter's, stands for its last value. Rejects with errors only.
   */
  createRpc(instance: object, method: string, route: string): Invoke {
    const { constructor } = instance;
    if (!Reflect.hasMetadata(PARAM_ARGS_METADATA, constructor, method)) {
      // As in Nest: a method without @Payload() gets the payload, through every pipe.
      Reflect.defineMetadata(PARAM_ARGS_METADATA, DEFAULT_CALLBACK_METADATA, constructor, method);
    }
    const call = this.#create(instance, method, AS_RPC);
    return async (request) => {
      try {
        const { body, message, ...told } = request;
        const context = new MessageContext({ ...told, id: message.id, route });
        return await resultOf(await call(body, context));
      } catch (thrown) {
        throw errorOf(thrown);
      }
    };
  }

  #create(instance: object, method: string, { type, metadata, params }: Calling) {
    const callback = (instance as Record<string, (...args: unknown[]) => unknown>)[method];
    if (!callback) throw new Error(`${instance.constructor.name} has no method ${method}`);
    return this.#creator.create(
      instance,
      callback,
      method,
      metadata,
      params,
      undefined,
      undefined,
      undefined,
      type,
    ) as (...args: unknown[]) => Promise<unknown>;
  }

  #moduleOfController(type: unknown): string {
    for (const [key, module] of this.modules.entries()) {
      if ([...module.controllers.values()].some((wrapper) => wrapper.metatype === type)) return key;
    }
    return '';
  }
}

/** The last value of an Observable; undefined when it has none. */
async function resultOf(result: unknown): Promise<unknown> {
  return isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result;
}

/**
 * Nest's filters for microservices turn errors into what the asker is to hear. That is an `RpcException` again, but
 * for the words in which Nest hides an error that nobody foresaw.
 */
function errorOf(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  const { message } = (thrown ?? {}) as { message?: unknown };
  if (message === MESSAGES.UNKNOWN_EXCEPTION_MESSAGE) return new Error(message);
  return new RpcException(thrown as string | object);
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
