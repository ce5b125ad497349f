import type { MigrationInterface } from 'typeorm';
import { CreateOutboxAndInbox1763683200000 } from './migrations/1763683200000-create-outbox-and-inbox.js';
import { CreateIdempotency1763683300000 } from './migrations/1763683300000-create-idempotency.js';
import { CreateDeadLetters1763683400000 } from './migrations/1763683400000-create-dead-letters.js';
import { createDataSource } from './persistence/data-source.js';
import { applyMigrations } from './persistence/migrate.js';

const KERNEL = [
  CreateOutboxAndInbox1763683200000,
  CreateIdempotency1763683300000,
  CreateDeadLetters1763683400000,
];

/**
 * Brings a database up to date: the kernel's own tables and those of a program's modules, in the order of their
 * timestamps. Returns the names of the migrations that it took. Safe to be called by many processes at once.
 */
export async function migrateDatabase(
  url: string,
  modules: readonly (new () => MigrationInterface)[],
): Promise<string[]> {
  const dataSource = createDataSource({ url, poolSize: 3, migrations: [...KERNEL, ...modules] });
  await dataSource.initialize();
  try {
    return await applyMigrations(dataSource);
  } finally {
    await dataSource.destroy();
  }
}
