import type { Type } from '@nestjs/common';
import { MetadataScanner, type ModulesContainer } from '@nestjs/core';
import { DECORATORS } from '@nestjs/swagger';
import type { z } from 'zod';
import { contractsOf, type EventContract } from '../event-contracts.js';
import {
  type Door,
  doorsOf,
  resultSchemaOf,
  resultTypeOf,
  type Scope,
  scopeOf,
} from '../message.decorators.js';
import { onlyOne } from '../message-scopes.js';

/** A method, as its decorators describe it; nothing needs to be instantiated for it. */
export interface DescribedMethod {
  readonly controller: Type;
  readonly method: string;
  /** The operation's name in the OpenAPI document, too, where the method has both doors. */
  readonly id: string;
  readonly summary: string;
}

/** A message door with its method. */
export interface DescribedDoor extends DescribedMethod {
  /** With the settings that whichever controller of the scope has. */
  readonly scope: Scope;
  readonly door: Door;
}

/** A method whose results are published, whichever doors it has. */
export interface DescribedResult extends DescribedMethod {
  readonly route: string;
  readonly schema: z.ZodType | undefined;
}

/** Every message door of the modules that the process carries, in the order in which they are declared. */
export function describedDoors(modules: ModulesContainer): DescribedDoor[] {
  const controllers = controllersOf(modules).flatMap((controller) => {
    const scope = scopeOf(controller);
    return scope ? [{ controller, scope }] : [];
  });
  const scopes = Map.groupBy(
    controllers.map(({ scope }) => scope),
    ({ name }) => name,
  );
  return controllers.flatMap(({ controller, scope: own }) => {
    const scope = onlyOne(scopes.get(own.name) ?? []);
    const prototype = controller.prototype as object;
    return methodsOf(controller).flatMap((described) =>
      doorsOf(prototype, described.method).map((door) => ({ ...described, scope, door })),
    );
  });
}

/** Every method that publishes what it returns. */
export function describedResults(modules: ModulesContainer): DescribedResult[] {
  return controllersOf(modules).flatMap((controller) => {
    const prototype = controller.prototype as object;
    return methodsOf(controller).flatMap((described) => {
      const route = resultTypeOf(prototype, described.method);
      if (route === undefined) return [];
      return [{ ...described, route, schema: resultSchemaOf(prototype, described.method) }];
    });
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

function controllersOf(modules: ModulesContainer): Type[] {
  const controllers = [...modules.values()].flatMap((module) => [...module.controllers.values()]);
  return controllers.flatMap(({ metatype }) => (metatype ? [metatype as Type] : []));
}

function methodsOf(controller: Type): DescribedMethod[] {
  const prototype = controller.prototype as object;
  return new MetadataScanner().getAllMethodNames(prototype).map((method) => ({
    controller,
    method,
    id: `${controller.name.replace(/Controller$/, '')}_${method}`,
    summary: summaryOf(prototype, method),
  }));
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
