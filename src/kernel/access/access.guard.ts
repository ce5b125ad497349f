import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { AccessControl } from './access-control.js';
import { accessOf } from './access.decorators.js';

/** Stands before every route, and asks who calls. Messages were asked in their pipeline, where batches are, too. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(private readonly control: AccessControl) {}

  canActivate(context: ExecutionContext): boolean {
    if (context.getType() !== 'http') return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const said = accessOf(context.getClass(), context.getHandler());
    const access = said === 'system' ? 'caller' : said;
    if (access !== 'public' && request.disbelief !== undefined) throw request.disbelief;
    request.caller ??= this.control.stranger;
    this.control.demand(access, request.caller);
    return true;
  }
}
