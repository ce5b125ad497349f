import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import type { z } from 'zod';

/**
 * Documents the answer of an operation by its zod schema. Give a schema a name with `.meta({ id: 'Task' })` and it
 * becomes a component. Query schemas stay nameless: their fields are listed as parameters.
 */
export function ApiAnswer(
  schema: z.ZodType,
  { status = 200, description = '' } = {},
): MethodDecorator & ClassDecorator {
  return ApiResponse({ status, description, standardSchema: schema });
}

/**
 * Documents problems that the operation's own rules cause (401, 403, 409, ...). Those that any operation of its
 * kind can answer (400, 404 below an id, 413, 415 and 422 with a body, 429, 500, 503) are added by themselves.
 */
export function ApiProblems(...statuses: number[]): MethodDecorator & ClassDecorator {
  return applyDecorators(
    ...statuses.map((status) => ApiResponse({ status, description: 'Problem' })),
  );
}
