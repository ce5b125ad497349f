import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { type Batch, BatchRepository } from '../batch.repository.js';
import { BatchNotFound, BatchNotRunning } from '../domain/batch.errors.js';

/** Leaves what a batch has not done yet. Throws `BatchNotFound`, `BatchNotRunning`. */
export class CancelBatch extends Command<Batch> {
  constructor(readonly id: string) {
    super();
  }
}

@Handles(CancelBatch)
export class CancelBatchHandler implements Handler<CancelBatch> {
  constructor(
    private readonly clock: Clock,
    private readonly batches: BatchRepository,
  ) {}

  async execute({ id }: CancelBatch): Promise<Batch> {
    const batch = await this.batches.lock(id);
    if (!batch) throw new BatchNotFound(id);
    if (batch.status !== 'running') throw new BatchNotRunning(id, batch.status);
    const now = this.clock.now();
    const cancelled: Batch = { ...batch, status: 'cancelled', updated_at: now, ended_at: now };
    await this.batches.save(cancelled);
    return cancelled;
  }
}
