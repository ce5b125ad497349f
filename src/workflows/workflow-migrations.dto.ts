import { z } from 'zod';
import { uuidParam } from '../kernel/http/shapes.js';

const version = z.int().min(1).max(1_000_000_000);

const plan = {
  version: version.meta({ description: 'The version to go to.' }),
  nodes: z
    .record(z.string().min(1).max(64), z.string().min(1).max(64))
    .default({})
    .meta({ description: 'New names of nodes by their old ones; the others keep theirs.' }),
  dry_run: z.boolean().default(false).meta({ description: 'Only tell what would go wrong.' }),
};

export const migrateBody = z
  .strictObject(plan)
  .meta({ id: 'MigrateWorkflowInstance', examples: [{ version: 2, nodes: { pack: 'wrap' } }] });
export type MigrateRequest = z.output<typeof migrateBody>;

export const migrateAllBody = z
  .strictObject({
    ...plan,
    from_version: version.optional().meta({ description: 'Default: every other version.' }),
  })
  .meta({ id: 'MigrateWorkflow', examples: [{ version: 2, dry_run: true }] });
export type MigrateAllRequest = z.output<typeof migrateAllBody>;

export const migrationView = z
  .object({
    instance_id: uuidParam,
    workflow: z.string(),
    from_version: z.int(),
    to_version: z.int(),
    migrated: z.boolean().meta({ description: 'False of a dry run.' }),
    problems: z.array(z.object({ node: z.string(), message: z.string() })),
  })
  .meta({
    id: 'WorkflowMigration',
    examples: [
      {
        instance_id: '019aa3a4-5b6c-7d8e-9f00-112233445566',
        workflow: 'order',
        from_version: 1,
        to_version: 2,
        migrated: true,
        problems: [],
      },
    ],
  });
export type MigrationView = z.output<typeof migrationView>;
