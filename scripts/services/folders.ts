import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { whenWeDie } from './daemon.ts';

export const projectFolder = fileURLToPath(new URL('../..', import.meta.url));
export const standFolder = join(projectFolder, '.stand');

export interface SystemUser {
  uid: number;
  gid: number;
}

/**
 * Who runs Postgres, which refuses to run as root: nobody special for an ordinary user, else the user `postgres`, else
 * `nobody`. The system's users are never changed.
 */
export function postgresUser(): SystemUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const found =
    users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody');
  if (!found)
    throw new Error(
      'Postgres cannot run as root: create a user named postgres, or run this as an ordinary user',
    );
  return { uid: Number(found[2]), gid: Number(found[3]) };
}

/** Whether that user can enter the folder; a home of mode 0700 above it is enough to say no. */
export function canEnter(folder: string, user: SystemUser | undefined): boolean {
  return (
    !user ||
    spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], { ...user, cwd: '/' }).status === 0
  );
}

/** A new private folder that every user of the machine can pass through (its content decides who may read). */
export function newReachableFolder(prefix: string, bases = ['/var/tmp', tmpdir(), '/tmp']): string {
  const user = postgresUser();
  const base = bases.find((folder) => existsSync(folder) && canEnter(folder, user)) ?? tmpdir();
  const folder = mkdtempSync(join(base, prefix));
  chmodSync(folder, 0o755);
  return folder;
}

export interface TemporaryFolder {
  readonly path: string;
  readonly remove: () => Promise<void>;
}

/** A {@link newReachableFolder} that is removed at the latest when this process is gone. */
export function temporaryFolder(prefix: string): TemporaryFolder {
  const path = newReachableFolder(prefix, [tmpdir(), '/tmp']);
  const callOff = whenWeDie('sleep 2; rm -rf -- "$1"', [path]); // after the servers in it were ended
  return {
    path,
    remove: async () => {
      await removeFolder(path);
      callOff();
    },
  };
}

/** Retries, because a server that was just killed may still be on its way out. */
export function removeFolder(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true, maxRetries: 5 });
}
