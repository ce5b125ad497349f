import { Global, Module } from '@nestjs/common';
import { APP_FILTER, APP_PIPE } from '@nestjs/core';
import { AccessModule } from '../access/access.module.js';
import { AllowedMethods } from './allowed-methods.js';
import { Draining } from './draining.js';
import { Idempotency } from './idempotency.js';
import { IdempotencyStore } from './idempotency.store.js';
import { ProblemFilter } from './problem.filter.js';
import { SchemaPipe } from './validation.js';

/**
 * Access, validation and problem documents for every controller, and what {@link createHttpApp} asks the application
 * for. Needs ENV, HealthChecks and UnitOfWork to be provided globally.
 */
@Global()
@Module({
  imports: [AccessModule],
  providers: [
    AllowedMethods,
    Draining,
    Idempotency,
    IdempotencyStore,
    { provide: APP_PIPE, useClass: SchemaPipe },
    { provide: APP_FILTER, useClass: ProblemFilter },
  ],
  exports: [Idempotency, IdempotencyStore],
})
export class HttpModule {}
