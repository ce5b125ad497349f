import { applyDecorators, UseInterceptors } from '@nestjs/common';
import {
  PATTERN_EXTRAS_METADATA,
  PATTERN_HANDLER_METADATA,
  PATTERN_METADATA,
  TRANSPORT_METADATA,
} from '@nestjs/microservices/constants.js';
import { PatternHandler } from '@nestjs/microservices/enums/pattern-handler.enum.js';
import { transformPatternToRoute } from '@nestjs/microservices/utils/transform-pattern.utils.js';
import type { MsPattern } from '@nestjs/microservices';
import type { z } from 'zod';
import type { Env } from '../env.js';
import { EventRoute } from './event-route.js';
import { resultPublisher } from './result-publisher.js';
import type { Delay } from './settlement.js';

/** A value, or how it follows from the environment. */
export type Setting<T> = T | ((env: Env) => T);

/** Checked at boot. Only one controller of a scope may give settings. */
export interface MessageScopeOptions {
  /**
   * Splits the scope into several queues `<scope>.<lane>`, each with its own prefetch, for instance by priority.
   * Senders then name the queue, so such a scope hears no events. Default: one queue with the scope's name.
   */
  readonly lanes?: (env: Env) => readonly string[];
  /** Messages at hand per queue and process. Default: `MESSAGE_PREFETCH`, or two full batches if that is more. */
  readonly prefetch?: Setting<number>;
  /** Of those, messages whose handlers are at work at once; the others wait in memory, in order. Default: all. */
  readonly concurrency?: Setting<number>;
  /** The delays between attempts; then the dead letters. Default: `MESSAGE_ATTEMPTS` with 1s 5s 30s 2m 10m. */
  readonly retry?: Setting<readonly Delay[]>;
  /** Messages that must fail in a row, for lack of infrastructure, to pause the scope. Default 20; false: never. */
  readonly circuit?: Setting<number | false>;
  /**
   * Messages of one key (header `x-key`, else `cloudEvents:subject`) are handled one after the other in the order of
   * their arrival, by one process at a time. A failed one is tried again in its place, so delays end at 30s.
   */
  readonly ordered?: boolean;
}

interface PlainOptions {
  /**
   * The handler's effect is harmless when repeated (a guarded state change), so it runs without inbox and
   * without a Unit of Work of its own. Default false: exactly one effect per message id.
   */
  readonly idempotent?: boolean;
}

/** Makes the method a `BatchMethod`: it takes at most `batch` messages at once, each with a valid body. */
export interface BatchOptions<B = unknown> extends PlainOptions {
  readonly batch: number;
  readonly body: z.ZodType<B>;
}

export type OnMessageOptions = PlainOptions | BatchOptions;

export interface Scope extends MessageScopeOptions {
  readonly name: string;
}

/** One message door of a controller method. */
export interface Door extends PlainOptions, Partial<Pick<BatchOptions, 'batch' | 'body'>> {
  readonly kind: 'command' | 'event';
  /** Route of a command (`:task_id/cancel`) or of an event (`tasks.task-succeeded.v1`, `models/:id/trained`). */
  readonly pattern: string;
  /** It is one of Nest's own, so its method is called as Nest's microservices call it, with `@Payload` and `@Ctx`. */
  readonly rpc?: true;
}

const SCOPE = Symbol('millrace:message-scope');
const DOORS = Symbol('millrace:message-doors');
const RESULT = Symbol('millrace:publish-result');

/** Gives a controller a queue of its own; its `@OnMessage` methods are served from there, in processes with role `worker`. */
export function MessageScope(name: string, options: MessageScopeOptions = {}): ClassDecorator {
  return (target) => {
    Reflect.defineMetadata(SCOPE, { ...options, name } satisfies Scope, target);
  };
}

/**
 * Opens a method to commands. The route is a path inside the scope, as in `models/:id/train`; `@Param`, `@Body`
 * and `@Headers` read the message as they would read a request, guards and pipes included.
 *
 * With `batch` the method takes many messages at once, see `BatchMethod`; Nest's guards, pipes and
 * interceptors know only single calls, so a batch method that has some fails the boot.
 */
export function OnMessage(route: string, options: OnMessageOptions = {}): MethodDecorator {
  return addDoor({ ...options, kind: 'command', pattern: route });
}

/**
 * Opens a method to events of one type, or of one route with parameters (`models/:id/trained`), whoever publishes
 * them. The scope's queue subscribes to it. Options as for {@link OnMessage}.
 */
export function OnEvent(route: string, options: OnMessageOptions = {}): MethodDecorator {
  return addDoor({ ...options, kind: 'event', pattern: route });
}

/**
 * Publishes what the method returns as an event, in the transaction of its effect (through the outbox), whichever
 * door the call came by: a call over HTTP gets a Unit of Work around it, and an error publishes nothing.
 *
 * Parameters of the route (`models/:id/trained`) are those of the call; they are also the key of the event's order.
 * With a schema the event is what that makes of the result; a result that breaks it fails the call.
 */
export function PublishResult(
  route: string,
  { schema }: { readonly schema?: z.ZodType } = {},
): MethodDecorator {
  const publisher = resultPublisher(new EventRoute(route), schema);
  const define: MethodDecorator = (target, property) => {
    Reflect.defineMetadata(RESULT, { route, schema }, target, property);
  };
  return applyDecorators(define, UseInterceptors(publisher));
}

function addDoor(door: Door): MethodDecorator {
  return (target, property) => {
    Reflect.defineMetadata(DOORS, [...ownDoorsOf(target, property), door], target, property);
  };
}

export function scopeOf(controller: object): Scope | undefined {
  return Reflect.getMetadata(SCOPE, controller) as Scope | undefined;
}

/** Every message door of a method, those that Nest's own decorators open included. */
export function doorsOf(prototype: object, property: string | symbol): readonly Door[] {
  return [...ownDoorsOf(prototype, property), ...rpcDoorsOf(prototype, property)];
}

function ownDoorsOf(prototype: object, property: string | symbol): readonly Door[] {
  return (Reflect.getMetadata(DOORS, prototype, property) as readonly Door[] | undefined) ?? [];
}

/**
 * `@MessagePattern` is a command of the controller's scope, `@EventPattern` a subscription of its queue. One that names
 * a transport belongs to that transport's server. Of the extras `{ idempotent: true }` is known.
 */
function rpcDoorsOf(prototype: object, property: string | symbol): readonly Door[] {
  const method = (prototype as Record<string | symbol, unknown>)[property];
  if (typeof method !== 'function') return [];
  const read = (key: string): unknown => Reflect.getMetadata(key, method);
  if (read(PATTERN_METADATA) === undefined || read(TRANSPORT_METADATA) !== undefined) return [];
  const kind = read(PATTERN_HANDLER_METADATA) === PatternHandler.EVENT ? 'event' : 'command';
  const extras = read(PATTERN_EXTRAS_METADATA) as PlainOptions | undefined;
  const idempotent = extras?.idempotent ?? false;
  return (read(PATTERN_METADATA) as MsPattern[]).map((pattern) => {
    return { kind, pattern: transformPatternToRoute(pattern), idempotent, rpc: true };
  });
}

interface PublishedResult {
  readonly route: string;
  readonly schema?: z.ZodType | undefined;
}

function resultOf(prototype: object, property: string | symbol): PublishedResult | undefined {
  return Reflect.getMetadata(RESULT, prototype, property) as PublishedResult | undefined;
}

/** The event route under which the method's results are published. */
export function resultTypeOf(prototype: object, property: string | symbol): string | undefined {
  return resultOf(prototype, property)?.route;
}

export function resultSchemaOf(
  prototype: object,
  property: string | symbol,
): z.ZodType | undefined {
  return resultOf(prototype, property)?.schema;
}
