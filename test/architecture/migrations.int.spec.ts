import { globSync } from 'node:fs';
import { join } from 'node:path';
import { type DataSource, EntitySchema, type MigrationInterface } from 'typeorm';
import { createDataSource } from '../../src/kernel/persistence/data-source.js';
import { applyMigrations } from '../../src/kernel/persistence/migrate.js';
import { type Lease, testDatabase } from '../support/services.js';
import { PROJECT } from './expectations.js';

type Migration = new () => MigrationInterface;

/** Whatever the files that match export; new files take part without being listed anywhere. */
async function exportsOf(pattern: string): Promise<unknown[]> {
  const files = globSync(pattern, { cwd: PROJECT }).sort();
  const modules = await Promise.all(
    files.map((file) => import(join(PROJECT, file)) as Promise<Record<string, unknown>>),
  );
  return modules.flatMap((module) => Object.values(module));
}

const isMigration = (value: unknown): value is Migration =>
  typeof value === 'function' && 'up' in (value.prototype as object);

/** Everything that a migration can make, in words, so that a difference can be read. */
async function structureOf(dataSource: DataSource): Promise<string[]> {
  const rows = await dataSource.query<{ line: string }[]>(`
    select format('column %s.%s.%s %s %s %s', table_schema, table_name, column_name, data_type, is_nullable, column_default) as line
      from information_schema.columns where table_schema !~ '^(pg_|information_schema)'
    union all select format('index %s', indexdef) from pg_indexes where schemaname !~ '^(pg_|information_schema)'
    union all select format('constraint %s %s', conrelid::regclass, pg_get_constraintdef(oid))
      from pg_constraint where conrelid <> 0 and connamespace::regnamespace::text !~ '^(pg_|information_schema)'
    union all select format('table %s %s', oid::regclass, reloptions)
      from pg_class where relkind in ('r', 'p') and relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
    union all select format('function %s', oid::regprocedure)
      from pg_proc where pronamespace::regnamespace::text !~ '^(pg_|information_schema)'
    union all select format('trigger %s on %s', tgname, tgrelid::regclass) from pg_trigger where not tgisinternal
    order by 1`);
  return rows.map(({ line }) => line);
}

/** What TypeORM would do to make the database what the mappings say. It only says so. */
async function queriesToMatch(dataSource: DataSource): Promise<string[]> {
  const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
  return upQueries.map(({ query }) => query);
}

describe('migrations', () => {
  let migrations: Migration[];
  let entities: EntitySchema[];
  let database: Lease;
  let dataSource: DataSource;

  beforeAll(async () => {
    migrations = (await exportsOf('src/**/migrations/*.ts')).filter(isMigration);
    entities = (await exportsOf('src/**/*.schema.ts')).filter(
      (value) => value instanceof EntitySchema,
    );
    database = await testDatabase({ template: 'empty' });
    dataSource = createDataSource({ url: database.url, migrations, entities });
    await dataSource.initialize();
  });

  afterAll(async () => {
    await dataSource.destroy();
    await database.release();
  });

  it('go up, down to nothing, and up again to the same structure', async () => {
    expect(await applyMigrations(dataSource)).toHaveLength(migrations.length);
    const first = await structureOf(dataSource);

    for (const _ of migrations) await dataSource.undoLastMigration({ transaction: 'each' });
    const left = (await structureOf(dataSource)).filter((line) => !/\bmigration\b/.test(line));
    expect(left).toEqual([]);

    await applyMigrations(dataSource);
    expect(await structureOf(dataSource)).toEqual(first);
  });

  it('make what the mappings describe: TypeORM would change nothing', async () => {
    await applyMigrations(dataSource);

    expect(await queriesToMatch(dataSource)).toEqual([]);
  });

  it('are told apart from a mapping that describes something else', async () => {
    await applyMigrations(dataSource);
    const invented = new EntitySchema({
      name: 'Invented',
      schema: 'kernel',
      tableName: 'outbox',
      columns: { shard: { type: 'smallint', primary: true }, invented: { type: 'text' } },
    });
    const drifted = createDataSource({ url: database.url, entities: [invented] });
    await drifted.initialize();
    const queries = await queriesToMatch(drifted);
    await drifted.destroy();

    expect(queries).toContainEqual(expect.stringMatching(/ADD "invented" text/));
  });

  it('are all known to the program that applies them', async () => {
    const migrated = await testDatabase({ template: 'migrated' });
    const program = createDataSource({ url: migrated.url });
    await program.initialize();
    const rows = await program.query<{ name: string }[]>(`select name from migration`);
    await program.destroy();
    await migrated.release();

    expect(rows.map(({ name }) => name).sort()).toEqual(migrations.map(({ name }) => name).sort());
  });
});
