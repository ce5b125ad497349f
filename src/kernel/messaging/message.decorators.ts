import type { Env } from '../env.js';

export interface MessageScopeOptions {
  /**
   * Splits the scope into several queues `<scope>.<lane>`, each with its own prefetch, for instance by priority.
   * Senders then name the queue. Default: one queue with the scope's name.
   */
  readonly lanes?: (env: Env) => readonly string[];
  /** Messages at hand per queue and process. Default: `MESSAGE_PREFETCH`. */
  readonly prefetch?: (env: Env) => number;
}

export interface OnMessageOptions {
  /**
   * The handler's effect is harmless when repeated (a guarded state change), so it runs without inbox and
   * without a Unit of Work of its own. Default false: exactly one effect per message id.
   */
  readonly idempotent?: boolean;
}

export interface Scope extends MessageScopeOptions {
  readonly name: string;
}

/** One message door of a controller method. */
export interface Door extends OnMessageOptions {
  readonly kind: 'command' | 'event';
  /** Route of a command (`:task_id/cancel`) or type of an event (`tasks.task-succeeded.v1`). */
  readonly pattern: string;
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
 */
export function OnMessage(route: string, options: OnMessageOptions = {}): MethodDecorator {
  return addDoor({ ...options, kind: 'command', pattern: route });
}

/** Opens a method to events of one type, whoever publishes them. The scope's queue subscribes to it. */
export function OnEvent(type: string, options: OnMessageOptions = {}): MethodDecorator {
  return addDoor({ ...options, kind: 'event', pattern: type });
}

/** Publishes what the method returns to a message as an event of this type, with the effect (through the outbox). */
export function PublishResult(type: string): MethodDecorator {
  return (target, property) => {
    Reflect.defineMetadata(RESULT, type, target, property);
  };
}

function addDoor(door: Door): MethodDecorator {
  return (target, property) => {
    Reflect.defineMetadata(DOORS, [...doorsOf(target, property), door], target, property);
  };
}

export function scopeOf(controller: object): Scope | undefined {
  return Reflect.getMetadata(SCOPE, controller) as Scope | undefined;
}

export function doorsOf(prototype: object, property: string | symbol): readonly Door[] {
  return (Reflect.getMetadata(DOORS, prototype, property) as readonly Door[] | undefined) ?? [];
}

export function resultTypeOf(prototype: object, property: string | symbol): string | undefined {
  return Reflect.getMetadata(RESULT, prototype, property) as string | undefined;
}
