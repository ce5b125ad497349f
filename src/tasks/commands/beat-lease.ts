import { Command } from '@nestjs/cqrs';
import { type BatchHandler, Handles, type Outcome } from '../../kernel/cqrs/handles.js';
import { TaskLeaseLost, TaskNotFound } from '../domain/task.errors.js';
import { type Heartbeat, LeaseRepository } from '../lease.repository.js';

/**
 * Prolongs a lease, or reports progress under it, or both; answers when the lease ends. It never outlives the
 * timeout of the attempt. Throws `TaskNotFound`, `TaskLeaseLost`.
 */
export class BeatLease extends Command<Date> {
  constructor(readonly beat: Heartbeat) {
    super();
  }
}

@Handles(BeatLease, { batch: 500 })
export class BeatLeaseHandler implements BatchHandler<BeatLease> {
  constructor(private readonly leases: LeaseRepository) {}

  async executeMany(commands: readonly BeatLease[]): Promise<Outcome<Date>[]> {
    const ends = await this.leases.beatMany(commands.map(({ beat }) => beat));
    const refused = commands.filter(({ beat }) => !ends.has(beat.token));
    const known = await this.leases.existing(refused.map(({ beat }) => beat.taskId));
    return commands.map(({ beat: { taskId, token } }) => {
      const end = ends.get(token);
      if (end) return end;
      return known.has(taskId) ? new TaskLeaseLost(taskId) : new TaskNotFound(taskId);
    });
  }
}
