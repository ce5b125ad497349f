import type { Type } from '@nestjs/common';
import { MetadataScanner, type ModulesContainer } from '@nestjs/core';
import { DECORATORS } from '@nestjs/swagger';
import { contractsOf, type EventContract } from '../event-contracts.js';
import { type Door, doorsOf, resultTypeOf, type Scope, scopeOf } from '../message.decorators.js';

/** A message door with its method, as the decorators describe them; nothing needs to be instantiated for it. */
export interface DescribedDoor {
  readonly scope: Scope;
  readonly door: Door;
  readonly controller: Type;
  readonly method: string;
  /** The operation's name in the OpenAPI document, too, where the method has both doors. */
  readonly id: string;
  readonly summary: string;
  readonly resultType: string | undefined;
}

/** Every message door of the modules that the process carries, in the order in which they are declared. */
export function describedDoors(modules: ModulesContainer): DescribedDoor[] {
  const controllers = [...modules.values()].flatMap((module) => [...module.controllers.values()]);
  return controllers.flatMap(({ metatype }) => {
    const scope = metatype && scopeOf(metatype);
    return scope ? doorsOfController(metatype as Type, scope) : [];
  });
}

/** Every event that the modules, or their controllers, say they publish. */
export function publishedEvents(modules: ModulesContainer): EventContract[] {
  return [...modules.values()].flatMap((module) => [
    ...contractsOf(module.metatype),
    ...[...module.controllers.values()].flatMap(({ metatype }) =>
      metatype ? contractsOf(metatype) : [],
    ),
  ]);
}

function doorsOfController(controller: Type, scope: Scope): DescribedDoor[] {
  const prototype = controller.prototype as object;
  return new MetadataScanner().getAllMethodNames(prototype).flatMap((method) =>
    doorsOf(prototype, method).map((door) => ({
      scope,
      door,
      controller,
      method,
      id: `${controller.name.replace(/Controller$/, '')}_${method}`,
      summary: summaryOf(prototype, method),
      resultType: resultTypeOf(prototype, method),
    })),
  );
}

/** What the method says of itself to HTTP, else its name as a sentence. */
function summaryOf(prototype: object, method: string): string {
  const handler = (prototype as Record<string, object>)[method] ?? {};
  const operation = Reflect.getMetadata(DECORATORS.API_OPERATION, handler) as
    { summary?: string } | undefined;
  if (operation?.summary) return operation.summary;
  const words = method.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}
