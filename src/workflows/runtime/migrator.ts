import { Injectable } from '@nestjs/common';
import { ValidationError } from '../../kernel/http/validation.js';
import { DefinitionRepository, type Runnable } from '../definition.repository.js';
import { IncidentRepository } from '../incident.repository.js';
import { InstanceRepository } from '../instance.repository.js';
import { UserTaskRepository } from '../user-task.repository.js';
import type { Instance } from './instance.js';
import type { Movement } from './movement.js';

/** Where instances of a workflow are to go, with the new names of nodes. */
export interface MigrationPlan {
  readonly workflow: string;
  readonly version: number;
  readonly nodes: Readonly<Record<string, string>>;
}

/** What a migration needs around the decisions of a movement. */
@Injectable()
export class Migrator {
  constructor(
    private readonly definitions: DefinitionRepository,
    private readonly instances: InstanceRepository,
    private readonly incidents: IncidentRepository,
    private readonly userTasks: UserTaskRepository,
  ) {}

  /** The version to go to. Throws `ValidationError` if there is none, or if it lacks a node of the plan. */
  async target(
    { workflow, version, nodes }: MigrationPlan,
    movement?: Movement,
  ): Promise<Runnable> {
    const { runnables } = await this.definitions.resolve([`${workflow}@${String(version)}`]);
    movement?.know(runnables);
    const target = runnables.get(workflow, version);
    if (!target)
      throw new ValidationError('body', [
        { field: 'version', message: `is no published version of ${workflow}` },
      ]);
    const known = target.definition.compiled.nodes;
    const wrong = Object.entries(nodes).filter(([, to]) => !known.has(to));
    if (wrong.length > 0)
      throw new ValidationError(
        'body',
        wrong.map(([from, to]) => ({
          field: `nodes.${from}`,
          message: `version ${String(version)} has no node ${to}`,
        })),
      );
    return target;
  }

  /** Tells the tables around instances what these have become. */
  async rename(
    { version, nodes }: MigrationPlan,
    { definition }: Runnable,
    migrated: readonly Instance[],
  ): Promise<void> {
    const ids = migrated.map(({ id }) => id);
    const all = [...definition.compiled.nodes.values()];
    const outcomes = Object.fromEntries(all.map((node) => [node.id, node.outcomes]));
    await this.instances.setVersion(ids, version);
    await this.incidents.rename(ids, version, nodes);
    await this.userTasks.rename(ids, { version, nodes, outcomes });
  }
}
