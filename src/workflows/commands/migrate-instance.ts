import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { AlreadyAtVersion, CannotMigrate } from '../domain/migration.errors.js';
import { CommandRejected, InstanceNotFound } from '../domain/workflow.errors.js';
import { InstanceRepository } from '../instance.repository.js';
import { InstanceMover } from '../runtime/instance-mover.js';
import { Migrator } from '../runtime/migrator.js';
import type { MigrateRequest, MigrationView } from '../workflow-migrations.dto.js';

/**
 * Takes an instance to another version of its workflow, or tells what would go wrong. Throws `InstanceNotFound`,
 * `CommandRejected`, `AlreadyAtVersion`, `ValidationError`, and, unless it is a dry run, `CannotMigrate`.
 */
export class MigrateInstance extends Command<MigrationView> {
  constructor(
    readonly id: string,
    readonly request: MigrateRequest,
  ) {
    super();
  }
}

@Handles(MigrateInstance)
export class MigrateInstanceHandler implements Handler<MigrateInstance> {
  constructor(
    private readonly instances: InstanceRepository,
    private readonly migrator: Migrator,
    private readonly mover: InstanceMover,
  ) {}

  async execute({ id, request }: MigrateInstance): Promise<MigrationView> {
    const { version, nodes, dry_run: isDry } = request;
    const instance = (await this.instances.lockMany([id])).get(id);
    if (!instance) throw new InstanceNotFound(id);
    const { key: workflow, version: before, state } = instance;
    if (state.status !== 'running')
      throw new CommandRejected({
        code: 'not-running',
        message: `The instance is ${state.status}.`,
      });
    if (before === version) throw new AlreadyAtVersion(id, version);
    const plan = { workflow, version, nodes };
    const movement = await this.mover.begin([instance]);
    const to = await this.migrator.target(plan, movement);
    const problems = movement.migrate(instance, to, { nodes, isDry });
    if (problems.length > 0 && !isDry) throw new CannotMigrate(id, problems);
    if (!isDry) {
      await this.mover.settle(movement);
      await this.migrator.rename(plan, to, [instance]);
    }
    return {
      instance_id: id,
      workflow,
      from_version: before,
      to_version: version,
      migrated: !isDry,
      problems: [...problems],
    };
  }
}
