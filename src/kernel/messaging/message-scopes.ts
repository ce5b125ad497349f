import { Inject, Injectable } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { ENV, type Env } from '../env.js';
import { COMMANDS_EXCHANGE, EVENTS_EXCHANGE, type QueueDeclaration } from './broker.js';
import { type Door, doorsOf, resultTypeOf, type Scope, scopeOf } from './message.decorators.js';
import { type Invoke, MessageInvoker } from './message-invoker.js';
import { RouteTable } from './route-table.js';

/** One method behind a message door. */
export interface MessageHandler {
  readonly name: string;
  readonly idempotent: boolean;
  readonly resultType: string | undefined;
  readonly invoke: Invoke;
}

/** A scope at run time: its queues, and who handles what arrives in them. */
export interface ServedScope {
  readonly name: string;
  readonly queues: readonly QueueDeclaration[];
  readonly prefetch: number;
  readonly commands: RouteTable<MessageHandler>;
  readonly events: ReadonlyMap<string, MessageHandler>;
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
    const controllers = new Map<string, { scope: Scope; instances: object[] }>();
    for (const { metatype, instance } of this.discovery.getControllers()) {
      const scope = metatype && scopeOf(metatype);
      if (!scope || !instance) continue;
      const known = controllers.get(scope.name) ?? { scope, instances: [] };
      known.instances.push(instance as object);
      controllers.set(scope.name, known);
    }
    return [...controllers.values()].map(({ scope, instances }) => this.#compile(scope, instances));
  }

  #compile(scope: Scope, instances: readonly object[]): ServedScope {
    const commands = new RouteTable<MessageHandler>(scope.name);
    const events = new Map<string, MessageHandler>();
    for (const instance of instances) {
      for (const { door, handler } of this.#doors(instance)) {
        if (door.kind === 'command') commands.add(door.pattern, handler);
        else if (events.has(door.pattern))
          throw new Error(`Scope "${scope.name}": two handlers of ${door.pattern}`);
        else events.set(door.pattern, handler);
      }
    }
    return {
      name: scope.name,
      queues: declarations(scope, this.env, [...events.keys()]),
      prefetch: scope.prefetch?.(this.env) ?? this.env.MESSAGE_PREFETCH,
      commands,
      events,
    };
  }

  #doors(instance: object): { door: Door; handler: MessageHandler }[] {
    const prototype = Object.getPrototypeOf(instance) as object;
    return this.scanner.getAllMethodNames(prototype).flatMap((method) => {
      const doors = doorsOf(prototype, method);
      if (doors.length === 0) return [];
      const invoke = this.invoker.create(instance, method);
      return doors.map((door) => ({
        door,
        handler: {
          name: `${instance.constructor.name}.${method}`,
          idempotent: door.idempotent ?? false,
          resultType: resultTypeOf(prototype, method),
          invoke,
        },
      }));
    });
  }
}

/** Names of the queues that a scope is served from. */
export function queuesOf(scope: Scope, env: Env): string[] {
  return declarations(scope, env, []).map(({ name }) => name);
}

function declarations(scope: Scope, env: Env, events: readonly string[]): QueueDeclaration[] {
  const subscriptions = events.map((type) => ({ exchange: EVENTS_EXCHANGE, routingKey: type }));
  if (scope.lanes) {
    return scope.lanes(env).map((lane) => {
      const name = `${scope.name}.${lane}`;
      // A lane's key must not swallow the keys of lanes below it (`a` and `a.high`), hence no `#`.
      return { name, bindings: [{ exchange: COMMANDS_EXCHANGE, routingKey: name }] };
    });
  }
  const commands = { exchange: COMMANDS_EXCHANGE, routingKey: `${scope.name}.#` };
  return [{ name: scope.name, bindings: [commands, ...subscriptions] }];
}
