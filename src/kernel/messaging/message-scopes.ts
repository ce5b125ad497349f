import { Inject, Injectable } from '@nestjs/common';
import {
  GUARDS_METADATA,
  INTERCEPTORS_METADATA,
  PIPES_METADATA,
} from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import type { z } from 'zod';
import { type Access, accessOf } from '../access/access.decorators.js';
import { ENV, type Env } from '../env.js';
import type { BatchMethod } from './batch-method.js';
import {
  COMMANDS_EXCHANGE,
  EVENTS_EXCHANGE,
  type QueueDeclaration,
  type RetryDelayMs,
} from './broker.js';
import { EventRoute } from './event-route.js';
import { type Door, doorsOf, resultTypeOf, type Scope, scopeOf } from './message.decorators.js';
import { type Invoke, MessageInvoker } from './message-invoker.js';
import { RouteTable } from './route-table.js';
import { type ScopeSettings, settingsOf } from './scope-settings.js';

/** One method behind a message door. */
export interface MessageHandler {
  readonly name: string;
  /** As declared; the label of its metrics. */
  readonly route: string;
  /** Whose messages it takes. */
  readonly access: Access;
  readonly idempotent: boolean;
  readonly resultType: string | undefined;
  readonly invoke: Invoke;
  /** It takes many messages at once. */
  readonly batch?: Batch;
}

export interface Batch {
  readonly max: number;
  readonly body: z.ZodType;
  readonly invoke: BatchMethod;
}

/** A scope at run time: its queues, and who handles what arrives in them. */
export interface ServedScope extends Omit<ScopeSettings, 'retry'> {
  readonly name: string;
  readonly queues: readonly QueueDeclaration[];
  readonly retry: readonly RetryDelayMs[];
  readonly commands: RouteTable<MessageHandler>;
  readonly events: RouteTable<MessageHandler>;
}

/** Finds every `@MessageScope` controller at boot and compiles its routes. Conflicts fail the boot. */
@Injectable()
export class MessageScopes {
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly invoker: MessageInvoker,
  ) {}

  /** All scopes of the modules that this process carries, served here or not. */
  find(): ServedScope[] {
    const controllers = new Map<string, { scopes: Scope[]; instances: object[] }>();
    for (const wrapper of this.discovery.getControllers()) {
      const instance = wrapper.instance as object | undefined;
      const scope = wrapper.metatype && scopeOf(wrapper.metatype);
      if (!instance || !(scope ?? this.#isOpen(instance))) continue;
      const { name } = instance.constructor;
      if (!scope) throw new Error(refusal(name, 'has no @MessageScope to take them from'));
      if (!wrapper.isDependencyTreeStatic()) {
        throw new Error(refusal(name, 'is made anew for each request'));
      }
      const known = controllers.get(scope.name) ?? { scopes: [], instances: [] };
      known.scopes.push(scope);
      known.instances.push(instance);
      controllers.set(scope.name, known);
    }
    return [...controllers.values()].map(({ scopes, instances }) =>
      this.#compile(onlyOne(scopes), instances),
    );
  }

  #compile(scope: Scope, instances: readonly object[]): ServedScope {
    const commands = new RouteTable<MessageHandler>(scope.name);
    const events = new RouteTable<MessageHandler>(scope.name, /[/.]/);
    const bindings: string[] = [];
    let largestBatch = 0;
    for (const { door, handler } of instances.flatMap((instance) => this.#doors(instance))) {
      largestBatch = Math.max(largestBatch, handler.batch?.max ?? 0);
      if (door.kind === 'command') commands.add(door.pattern, handler);
      else {
        events.add(door.pattern, handler);
        bindings.push(new EventRoute(door.pattern).binding);
      }
    }
    return {
      name: scope.name,
      queues: declarations(scope, this.env, bindings),
      ...settingsOf(scope, this.env, largestBatch),
      commands,
      events,
    };
  }

  #isOpen(instance: object): boolean {
    const prototype = Object.getPrototypeOf(instance) as object;
    const methods = this.scanner.getAllMethodNames(prototype);
    return methods.some((method) => doorsOf(prototype, method).length > 0);
  }

  #doors(instance: object): { door: Door; handler: MessageHandler }[] {
    const prototype = Object.getPrototypeOf(instance) as object;
    return this.scanner.getAllMethodNames(prototype).flatMap((method) => {
      return doorsOf(prototype, method).map((door) => ({
        door,
        handler: {
          name: `${instance.constructor.name}.${method}`,
          route: door.pattern,
          access: accessBehind(door, instance, method),
          idempotent: door.idempotent ?? false,
          resultType: resultTypeOf(prototype, method),
          invoke: door.rpc
            ? this.invoker.createRpc(instance, method, door.pattern)
            : this.invoker.create(instance, method),
          ...batchOf(door, instance, method),
        },
      }));
    });
  }
}

/** An event states what has happened, whoever may publish it; only commands ask in somebody's name. */
function accessBehind(door: Door, instance: object, method: string): Access {
  const callback = (instance as Record<string, object>)[method] ?? {};
  return door.kind === 'event' ? 'system' : accessOf(instance.constructor, callback);
}

/** The queues that a scope is served from, without the events that they subscribe to. */
export function queuesOf(scope: Scope, env: Env): QueueDeclaration[] {
  return declarations(scope, env, []);
}

function refusal(controller: string, why: string): string {
  return `${controller} has handlers for messages, but ${why}`;
}

/** The scope of several controllers. Settings that stand in two places would be a guess about which one holds: throws. */
export function onlyOne(scopes: readonly Scope[]): Scope {
  const [first, second] = scopes.filter((scope) => Object.keys(scope).length > 1);
  const [any] = scopes;
  if (!any || second)
    throw new Error(`Scope "${String(any?.name)}": two controllers have settings`);
  return first ?? any;
}

/** What only single calls have, by the decorators' own names. */
const SINGLE_CALLS = {
  guards: GUARDS_METADATA,
  interceptors: INTERCEPTORS_METADATA,
  pipes: PIPES_METADATA,
};

function batchOf({ batch: max, body }: Door, instance: object, method: string): { batch?: Batch } {
  if (max === undefined || body === undefined) return {};
  const callback = (instance as Record<string, BatchMethod>)[method];
  if (!callback) throw new Error(`${instance.constructor.name} has no method ${method}`);
  for (const [what, metadata] of Object.entries(SINGLE_CALLS)) {
    if (
      Reflect.hasMetadata(metadata, callback) ||
      Reflect.hasMetadata(metadata, instance.constructor)
    )
      throw new Error(
        `${instance.constructor.name}.${method} takes batches, for which its ${what} would not run`,
      );
  }
  return { batch: { max, body, invoke: callback.bind(instance) } };
}

function declarations(scope: Scope, env: Env, events: readonly string[]): QueueDeclaration[] {
  const ordered = scope.ordered === true ? { ordered: true } : {};
  const subscriptions = events.map((type) => ({ exchange: EVENTS_EXCHANGE, routingKey: type }));
  if (scope.lanes) {
    const [event] = events;
    if (event !== undefined)
      throw new Error(
        `Scope "${scope.name}" has lanes, so none of its queues could take the event "${event}" alone: hear it in another scope`,
      );
    return scope.lanes(env).map((lane) => {
      const name = `${scope.name}.${lane}`;
      // A lane's key must not swallow the keys of lanes below it (`a` and `a.high`), hence no `#`.
      const bindings = [{ exchange: COMMANDS_EXCHANGE, routingKey: name }];
      return { name, bindings, ...ordered };
    });
  }
  const commands = { exchange: COMMANDS_EXCHANGE, routingKey: `${scope.name}.#` };
  return [{ name: scope.name, bindings: [commands, ...subscriptions], ...ordered }];
}
