import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Outbox } from '../../kernel/outbox/outbox.js';
import { type Batch, type BatchFailure, BatchRepository } from '../batch.repository.js';
import { BatchWorkers } from '../batches/batch-workers.js';
import { InstanceRepository } from '../instance.repository.js';
import { InstanceMover } from '../runtime/instance-mover.js';
import { advanceBatchMessage } from '../runtime/messages.js';

/** Instances in one transaction: few enough that nobody waits long for one of them. */
const AT_ONCE = 200;

/**
 * Does the next part of a batch and asks for the one behind it, in one transaction: after a crash the message comes
 * again, and finds either all of it done or nothing. Instances are taken in the order of their ids, so none is done twice.
 */
export class AdvanceBatch extends Command<void> {
  constructor(readonly id: string) {
    super();
  }
}

@Handles(AdvanceBatch)
export class AdvanceBatchHandler implements Handler<AdvanceBatch> {
  constructor(
    private readonly clock: Clock,
    private readonly outbox: Outbox,
    private readonly batches: BatchRepository,
    private readonly instances: InstanceRepository,
    private readonly mover: InstanceMover,
    private readonly workers: BatchWorkers,
  ) {}

  async execute({ id }: AdvanceBatch): Promise<void> {
    const batch = await this.batches.lock(id);
    if (batch?.status !== 'running') return;
    const { work, created_at: until, last_instance_id: after } = batch;
    const ids = await this.workers.of(work).next(work, { after, until, limit: AT_ONCE });
    const failures = ids.length > 0 ? await this.#work(batch, ids) : [];
    if (failures.length > 0) this.batches.addFailures(id, failures);
    const isOver = ids.length < AT_ONCE;
    await this.batches.save(this.#advanced(batch, { ids, failed: failures.length, isOver }));
    if (!isOver) await this.outbox.append([advanceBatchMessage(id)]);
  }

  async #work({ work }: Batch, ids: readonly string[]): Promise<BatchFailure[]> {
    const worker = this.workers.of(work);
    const found = await this.instances.lockMany(ids);
    const movement = await this.mover.begin(found.values());
    await worker.prepare(work, movement);
    const failures = [...found.values()].flatMap((instance): BatchFailure[] => {
      const problems = worker.apply(work, movement, instance);
      return problems.length > 0 ? [{ instanceId: instance.id, problems }] : [];
    });
    if (movement.changed.size > 0) {
      await this.mover.settle(movement);
      await worker.finish(work, [...movement.changed]);
    }
    return failures;
  }

  #advanced(
    batch: Batch,
    { ids, failed, isOver }: { ids: readonly string[]; failed: number; isOver: boolean },
  ): Batch {
    const now = this.clock.now();
    const done = batch.done + ids.length;
    return {
      ...batch,
      done,
      failed: batch.failed + failed,
      last_instance_id: ids.at(-1) ?? batch.last_instance_id,
      updated_at: now,
      // What others have done meanwhile was never there to do.
      ...(isOver && { status: 'completed', total: done, ended_at: now }),
    };
  }
}
