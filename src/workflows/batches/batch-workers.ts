import { Injectable } from '@nestjs/common';
import type { BatchWork, BatchWorker } from './batch-work.js';
import { IncidentResolver } from './incident-resolver.js';

/** One worker for each kind of work. */
@Injectable()
export class BatchWorkers {
  readonly #workers: {
    readonly [Kind in BatchWork['kind']]: BatchWorker<Extract<BatchWork, { kind: Kind }>>;
  };

  constructor(incidents: IncidentResolver) {
    this.#workers = { 'resolve-incidents': incidents };
  }

  of({ kind }: BatchWork): BatchWorker<BatchWork> {
    return this.#workers[kind] as BatchWorker<BatchWork>;
  }
}
