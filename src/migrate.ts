import { loadEnv } from './kernel/env.js';
import { createDataSource } from './kernel/persistence/data-source.js';
import { applyMigrations } from './kernel/persistence/migrate.js';
import { migrations } from './migrations.js';

/** Brings a database up to date and returns the names of the migrations that it took. */
export async function migrate(databaseUrl: string): Promise<string[]> {
  const dataSource = createDataSource({ url: databaseUrl, poolSize: 3, migrations });
  await dataSource.initialize();
  try {
    return await applyMigrations(dataSource);
  } finally {
    await dataSource.destroy();
  }
}

if (import.meta.main) {
  const applied = await migrate(loadEnv().DATABASE_URL);
  console.log(applied.length > 0 ? `Applied:\n  ${applied.join('\n  ')}` : 'Nothing to apply.');
}
