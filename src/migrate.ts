import { loadEnv } from './kernel/env.js';
import { migrateDatabase } from './kernel/migrations.js';
import { migrations } from './migrations.js';

/** Brings a database up to date and returns the names of the migrations that it took. */
export function migrate(databaseUrl: string): Promise<string[]> {
  return migrateDatabase(databaseUrl, migrations);
}

if (import.meta.main) {
  const applied = await migrate(loadEnv().DATABASE_URL);
  console.log(applied.length > 0 ? `Applied:\n  ${applied.join('\n  ')}` : 'Nothing to apply.');
}
