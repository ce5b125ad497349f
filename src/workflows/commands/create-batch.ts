import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Ids } from '../../kernel/ids.js';
import { Outbox } from '../../kernel/outbox/outbox.js';
import { type Batch, BatchRepository } from '../batch.repository.js';
import type { BatchWork } from '../batches/batch-work.js';
import { BatchWorkers } from '../batches/batch-workers.js';
import { advanceBatchMessage } from '../runtime/messages.js';

/** Sets out to do something to many instances; messages carry it on, a part of them at a time. */
export class CreateBatch extends Command<Batch> {
  constructor(
    readonly work: BatchWork,
    /** Who says so; null where nobody had to log in. */
    readonly createdBy: string | null,
  ) {
    super();
  }
}

@Handles(CreateBatch)
export class CreateBatchHandler implements Handler<CreateBatch> {
  constructor(
    private readonly clock: Clock,
    private readonly ids: Ids,
    private readonly outbox: Outbox,
    private readonly batches: BatchRepository,
    private readonly workers: BatchWorkers,
  ) {}

  async execute({ work, createdBy }: CreateBatch): Promise<Batch> {
    const now = this.clock.now();
    const batch: Batch = {
      id: this.ids.next(),
      work,
      status: 'running',
      total: await this.workers.of(work).count(work, now),
      done: 0,
      failed: 0,
      last_instance_id: null,
      created_by: createdBy,
      created_at: now,
      updated_at: now,
      ended_at: null,
    };
    this.batches.insert(batch);
    await this.outbox.append([advanceBatchMessage(batch.id)]);
    return batch;
  }
}
