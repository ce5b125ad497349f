import { Injectable } from '@nestjs/common';
import type { BatchWork, BatchWorker } from './batch-work.js';
import { IncidentResolver } from './incident-resolver.js';
import { InstanceMigrator } from './instance-migrator.js';
import { InstanceResumer } from './instance-resumer.js';

/** One worker for each kind of work. */
@Injectable()
export class BatchWorkers {
  readonly #workers: {
    readonly [Kind in BatchWork['kind']]: BatchWorker<Extract<BatchWork, { kind: Kind }>>;
  };

  constructor(resolver: IncidentResolver, migrator: InstanceMigrator, resumer: InstanceResumer) {
    this.#workers = { 'resolve-incidents': resolver, migrate: migrator, resume: resumer };
  }

  of({ kind }: BatchWork): BatchWorker<BatchWork> {
    return this.#workers[kind];
  }
}
