import type { FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls, once a guard has found out. */
    caller?: { readonly id: string };
  }
}

/** Scopes what belongs to one caller, such as idempotency keys. */
export function callerOf(request: FastifyRequest): string {
  return request.caller?.id ?? 'anonymous';
}
