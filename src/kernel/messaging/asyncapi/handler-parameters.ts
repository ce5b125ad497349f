import type { Type } from '@nestjs/common';
import { ROUTE_ARGS_METADATA, RouteParamtypes } from '@nestjs/common/internal';
import { PARAM_ARGS_METADATA } from '@nestjs/microservices/constants.js';
import { DEFAULT_CALLBACK_METADATA } from '@nestjs/microservices/context/rpc-metadata-constants.js';
import { RpcParamtype } from '@nestjs/microservices/enums/rpc-paramtype.enum.js';
import { DECORATORS } from '@nestjs/swagger';
import { z } from 'zod';
import { type JsonSchema, type Schemas, toJsonSchema } from './json-schemas.js';
import type { DescribedDoor } from './message-doors.js';

/** A value that a handler reads by its name: from the route if that has it, else from a header. */
export interface NamedParameter {
  readonly name: string;
  readonly required: boolean;
  readonly schema: JsonSchema;
}

/** What a handler reads of a message, as its own decorators say. */
export interface HandlerParameters {
  /** Undefined: the handler does not look at the payload. */
  readonly body: JsonSchema | undefined;
  /** `@Param`: a part of the route, or a header. */
  readonly params: readonly NamedParameter[];
  /** `@Headers` and `@Query`: always headers. */
  readonly headers: readonly NamedParameter[];
}

interface ReadArgument {
  readonly type: RouteParamtypes;
  readonly name: string | undefined;
  readonly schema: unknown;
  readonly designType: unknown;
}

/** Reads what Nest keeps about a method's parameters; named schemas are added to `schemas`. */
export function parametersOf(
  controller: Type,
  method: string,
  schemas: Schemas,
): HandlerParameters {
  const read = argumentsOf(controller, method);
  const of = (...types: RouteParamtypes[]) => read.filter(({ type }) => types.includes(type));
  const named = (all: readonly ReadArgument[], required: boolean) =>
    all.flatMap((one) => namedParameters(one, required, schemas));
  return {
    body: bodyOf(of(RouteParamtypes.BODY), schemas),
    params: named(of(RouteParamtypes.PARAM), true),
    headers: named(of(RouteParamtypes.HEADERS, RouteParamtypes.QUERY), false),
  };
}

/**
 * What the method of a door reads. A batch method has one argument, whose body the door describes; one of Nest's own
 * doors gives its method the payload, and the rest as a whole with `@Ctx`.
 */
export function readBy(
  { controller, method, door }: DescribedDoor,
  schemas: Schemas,
): HandlerParameters {
  if (door.batch !== undefined)
    return { body: toJsonSchema(door.body, 'input', schemas), params: [], headers: [] };
  if (!door.rpc) return parametersOf(controller, method, schemas);
  const payloads = payloadsOf(controller, method);
  return { body: bodyOf(payloads, schemas), params: [], headers: [] };
}

/** The schema of the first good answer that the method documents for HTTP; the other door gives the same. */
export function answerOf(controller: Type, method: string): z.ZodType | undefined {
  const handler = (controller.prototype as Record<string, object>)[method] ?? {};
  const responses = (Reflect.getMetadata(DECORATORS.API_RESPONSE, handler) ?? {}) as Record<
    string,
    { standardSchema?: unknown }
  >;
  const good = Object.keys(responses).find((status) => status.startsWith('2'));
  const schema = good === undefined ? undefined : responses[good]?.standardSchema;
  return schema instanceof z.ZodType ? schema : undefined;
}

/** As in Nest: a method without `@Payload` or the like gets the payload as its first argument, if it has one. */
function payloadsOf(controller: Type, method: string): ReadArgument[] {
  const metadata = Reflect.getMetadata(PARAM_ARGS_METADATA, controller, method) as
    Arguments | undefined;
  const read = argumentsOf(controller, method, metadata ?? DEFAULT_CALLBACK_METADATA);
  const takes = designTypesOf(controller, method).length > 0;
  return read.filter(({ type }) => takes && Number(type) === Number(RpcParamtype.PAYLOAD));
}

type Arguments = Record<string, { index: number; data?: unknown; schema?: unknown }>;

/** Parameters of decorators that are not Nest's own have other keys, and nothing to tell. */
function argumentsOf(
  controller: Type,
  method: string,
  metadata = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method) ?? {}) as Arguments,
): ReadArgument[] {
  const designTypes = designTypesOf(controller, method);
  return Object.entries(metadata)
    .sort(([, a], [, b]) => a.index - b.index)
    .map(([key, { index, data, schema }]) => ({
      type: Number(key.split(':', 1)[0]),
      name: typeof data === 'string' ? data : undefined,
      schema,
      designType: designTypes[index],
    }));
}

function designTypesOf(controller: Type, method: string): readonly unknown[] {
  const types = Reflect.getMetadata('design:paramtypes', controller.prototype as object, method) as
    unknown[] | undefined;
  return types ?? [];
}

function bodyOf(bodies: readonly ReadArgument[], schemas: Schemas): JsonSchema | undefined {
  const whole = bodies.find(({ name }) => name === undefined);
  if (whole) return toJsonSchema(whole.schema, 'input', schemas) ?? textOr(whole.designType, {});
  if (bodies.length === 0) return undefined;
  const fields = bodies.map(({ name = '', schema, designType }) => [
    name,
    toJsonSchema(schema, 'input', schemas) ?? textOr(designType, {}),
  ]);
  return { type: 'object', properties: Object.fromEntries(fields) as JsonSchema };
}

function namedParameters(
  { name, schema, designType }: ReadArgument,
  required: boolean,
  schemas: Schemas,
): NamedParameter[] {
  if (name !== undefined) {
    const converted = toJsonSchema(schema, 'input', schemas) ?? typed(designType);
    return [{ name, required: required && !isOptional(schema), schema: converted }];
  }
  if (!(schema instanceof z.ZodObject)) return [];
  return Object.entries(schema.shape).map(([field, inner]) => ({
    name: field,
    required: !isOptional(inner),
    schema: toJsonSchema(inner, 'input', schemas) ?? {},
  }));
}

function isOptional(schema: unknown): boolean {
  return schema instanceof z.ZodType && schema.safeParse(undefined).success;
}

/** Without a schema the parameter's TypeScript type is all that is known; `ParseIntPipe` and its like read it from text. */
function typed(designType: unknown): JsonSchema {
  if (designType === Number) return { type: 'number' };
  return designType === Boolean ? { type: 'boolean' } : { type: 'string' };
}

function textOr(designType: unknown, otherwise: JsonSchema): JsonSchema {
  return designType === String ? { type: 'string' } : otherwise;
}
