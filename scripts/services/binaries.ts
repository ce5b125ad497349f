import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';

/** The real RabbitMQ start script. Debian's own on the PATH switches the user and ignores our folders. */
export function findRabbitMq(): string | undefined {
  const known = [
    '/usr/lib/rabbitmq/bin',
    '/opt/rabbitmq/sbin',
    '/opt/homebrew/sbin',
    '/usr/local/sbin',
  ];
  return findExecutable(
    ['rabbitmq-server'],
    known,
    (file) => !readFileSync(file, 'utf8').includes('su rabbitmq'),
  );
}

export function findRedis(): string | undefined {
  return findExecutable(['redis-server', 'valkey-server'], ['/opt/homebrew/bin', '/usr/local/bin']);
}

/** epmd, the name server of Erlang, which RabbitMQ needs beside it. */
export function findEpmd(): string | undefined {
  return findExecutable(
    ['epmd'],
    ['/usr/lib/erlang/bin', '/opt/homebrew/bin', '/usr/local/lib/erlang/bin'],
  );
}

let installed: Promise<void> | undefined;

/**
 * Installs the Debian packages when the binaries are missing and we may. Throws one sentence that says what to install
 * when we may not.
 */
export function ensureInstalled(): Promise<void> {
  installed ??= install(); // RabbitMQ and Redis start at the same time, and apt-get takes one at a time
  return installed;
}

async function install(): Promise<void> {
  const missing = [
    ...(findRabbitMq() && findEpmd() ? [] : ['rabbitmq-server']),
    ...(findRedis() ? [] : ['redis-server']),
  ];
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || !findExecutable(['apt-get'], [])) {
    throw new Error(
      `Install ${missing.join(' and ')} (or start a Docker engine, or set TEST_AMQP_URL and TEST_REDIS_URL) and run this again.`,
    );
  }
  console.log(`Installing ${missing.join(' and ')} ...`);
  // RUNLEVEL=1 keeps Debian's packages from starting their services.
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  await execa('apt-get', ['update', '-qq'], { env });
  await execa('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], { env });
}

function findExecutable(
  names: readonly string[],
  folders: readonly string[],
  accept: (file: string) => boolean = () => true,
): string | undefined {
  const path = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean);
  return [...folders, ...path, '/usr/bin', '/usr/sbin']
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find((file) => isExecutable(file) && accept(file));
}

function isExecutable(file: string): boolean {
  if (!existsSync(file)) return false;
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
