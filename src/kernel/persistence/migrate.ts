import type { DataSource } from 'typeorm';

/** Any number that nothing else in the database uses; processes that migrate at once take turns. */
const MIGRATION_LOCK = 7_263_401;

/**
 * Applies the pending migrations of the data source, each in its own transaction, and returns their names.
 * A failed one is rolled back and thrown; those before it stay applied. Safe to be called by many processes at once.
 */
export async function applyMigrations(dataSource: DataSource): Promise<string[]> {
  await using lock = dataSource.createQueryRunner();
  await lock.query(`set statement_timeout = 0`);
  await lock.query(`select pg_advisory_lock($1)`, [MIGRATION_LOCK]);
  try {
    const applied = await dataSource.runMigrations();
    return applied.map((migration) => migration.name);
  } finally {
    await lock.query(`select pg_advisory_unlock($1)`, [MIGRATION_LOCK]);
    await lock.query(`reset statement_timeout`);
  }
}
