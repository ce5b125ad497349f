import { Injectable } from '@nestjs/common';
import { RunningInstances } from '../queries/running-instances.js';
import type { Instance } from '../runtime/instance.js';
import { Migrator } from '../runtime/migrator.js';
import type { Movement } from '../runtime/movement.js';
import type { BatchProblem, BatchWorker, MigrateInstances, Slice } from './batch-work.js';

const filterOf = ({ workflow, version, from_version: from }: MigrateInstances) => ({
  workflow,
  version: from,
  notVersion: version,
});

/** Takes instances to another version, or tells in which of them what would go wrong. */
@Injectable()
export class InstanceMigrator implements BatchWorker<MigrateInstances> {
  constructor(
    private readonly running: RunningInstances,
    private readonly migrator: Migrator,
  ) {}

  count(work: MigrateInstances, until: Date): Promise<number> {
    return this.running.count(filterOf(work), until);
  }

  next(work: MigrateInstances, slice: Slice): Promise<string[]> {
    return this.running.next(filterOf(work), slice);
  }

  async prepare(work: MigrateInstances, movement: Movement): Promise<void> {
    await this.migrator.target(work, movement);
  }

  apply(work: MigrateInstances, movement: Movement, instance: Instance): BatchProblem[] {
    const to = movement.runnable({ key: work.workflow, version: work.version });
    // One that has ended meanwhile needs no other version.
    if (!to || instance.state.status !== 'running') return [];
    const { nodes, dry_run: isDry } = work;
    const problems = movement.migrate(instance, to, { nodes, isDry });
    return problems.map((problem) => ({ code: 'cannot-migrate', ...problem }));
  }

  async finish(work: MigrateInstances, instances: readonly Instance[]): Promise<void> {
    await this.migrator.rename(work, await this.migrator.target(work), instances);
  }
}
