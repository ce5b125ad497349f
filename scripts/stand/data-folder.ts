import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canEnter, newReachableFolder, postgresUser, standFolder } from '../services/folders.ts';

const inside = join(standFolder, 'postgres');
const pointer = join(standFolder, 'postgres-data');

/** Where the embedded Postgres has its data, if it has any. */
export function dataFolder(): string | undefined {
  const known = existsSync(pointer) ? readFileSync(pointer, 'utf8').trim() : inside;
  return existsSync(known) ? known : undefined;
}

/** Under `.stand/`, unless the user who runs Postgres cannot go there; then where `.stand/postgres-data` says. */
export function newDataFolder(): string {
  if (canEnter(standFolder, postgresUser())) {
    mkdirSync(inside, { recursive: true });
    return inside;
  }
  const created = newReachableFolder('millrace-data-');
  writeFileSync(pointer, `${created}\n`);
  return created;
}
