import { Global, Module } from '@nestjs/common';
import { APP_GUARD, DiscoveryModule } from '@nestjs/core';
import { AccessControl } from './access-control.js';
import { AccessGuard } from './access.guard.js';

/** The guard before every route, and what messages are asked by. Needs ENV to be provided globally. */
@Global()
@Module({
  imports: [DiscoveryModule],
  providers: [AccessControl, { provide: APP_GUARD, useClass: AccessGuard }],
  exports: [AccessControl],
})
export class AccessModule {}
