import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import getPort from 'get-port';
import pg from 'pg';
import { hasDockerEngine, removeContainer, runContainer } from './container.ts';
import { spawnDaemon } from './daemon.ts';
import { postgresUser, removeFolder, temporaryFolder } from './folders.ts';
import { postgresBinaries } from './postgres-binaries.ts';
import { Service } from './service.ts';

const USER = 'millrace';
const PASSWORD = 'millrace';

export interface PostgresOptions {
  /** Where data and log live; by default a temporary folder that goes with the service. */
  folder?: string;
  /** Its log; by default beside the data. */
  logFile?: string;
  port?: number;
  /** Whether commits survive a power cut (fsync). Turn it off only for tests of behaviour. */
  durable?: boolean;
  /** Server settings over the ordinary ones. */
  settings?: Readonly<Record<string, string>>;
  /** `auto`: a container where a Docker engine runs. */
  from?: 'auto' | 'npm';
}

/** Starts a private Postgres 18 on loopback. The database `millrace` exists and its user may create others. */
export async function startPostgres(options: PostgresOptions = {}): Promise<Service> {
  const port = options.port ?? (await getPort({ host: '127.0.0.1' }));
  const settings = serverSettings(options);
  const inContainer =
    (options.from ?? 'auto') === 'auto' && !options.folder && (await hasDockerEngine());
  const url = `postgres://${USER}:${PASSWORD}@127.0.0.1:${port}/millrace`;
  const launcher = inContainer
    ? container(port, settings)
    : await process_(port, settings, options);
  const recipe = { name: 'Postgres', isReady: () => answers(url), ...launcher };
  return new Service(url, recipe).start();
}

function serverSettings({ durable = true, settings: more }: PostgresOptions): string[] {
  const settings = {
    max_connections: 300,
    shared_buffers: '256MB',
    max_wal_size: '4GB',
    checkpoint_timeout: '15min',
    autovacuum_naptime: '10s',
    timezone: 'UTC',
    ...(durable ? {} : { fsync: 'off', full_page_writes: 'off' }),
    ...more,
  };
  return Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
}

function container(port: number, settings: string[]) {
  const name = `millrace-postgres-${port}`;
  return {
    launch: () =>
      runContainer({
        name,
        image: 'postgres:18',
        ports: [[port, 5432]],
        env: { POSTGRES_USER: USER, POSTGRES_PASSWORD: PASSWORD, POSTGRES_DB: 'millrace' },
        command: ['postgres', ...settings],
      }),
    wipe: () => removeContainer(name),
    remove: () => removeContainer(name),
  };
}

async function process_(port: number, settings: string[], options: PostgresOptions) {
  const user = postgresUser();
  const temporary = options.folder ? undefined : temporaryFolder('millrace-postgres-');
  const folder = options.folder ?? temporary?.path ?? '';
  const data = join(folder, 'data');
  const logFile = options.logFile ?? join(folder, 'postgres.log');
  const bin = join(await postgresBinaries(), 'bin');
  await mkdir(dirname(logFile), { recursive: true });
  return {
    launch: async () => {
      if (!existsSync(join(data, 'PG_VERSION')))
        await initialise(bin, data, options.durable ?? true);
      return spawnDaemon({
        command: join(bin, 'postgres'),
        args: [
          ...['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1'],
          ...['-c', 'unix_socket_directories=', ...settings],
        ],
        cwd: '/',
        logFile,
        user,
        stopSignal: 'SIGINT', // fast: open transactions are rolled back, a checkpoint is written
        orphanSignal: 'SIGQUIT', // at once, but without leaving its workers and shared memory behind
      });
    },
    wipe: () => removeFolder(data),
    remove: async () => temporary?.remove(),
  };
}

async function initialise(bin: string, data: string, durable: boolean): Promise<void> {
  const user = postgresUser();
  await removeFolder(data);
  await mkdir(data, { mode: 0o700, recursive: true });
  await chmod(data, 0o700);
  const passwordFile = join(data, '..', 'initdb-password');
  await writeFile(passwordFile, PASSWORD, { mode: 0o600 });
  if (user) {
    await chown(data, user.uid, user.gid);
    await chown(passwordFile, user.uid, user.gid);
  }
  const locale = [
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
  ];
  const auth = ['--auth=scram-sha-256', `--username=${USER}`, `--pwfile=${passwordFile}`];
  const hasty = durable ? [] : ['--no-sync', '--set=scram_iterations=1']; // tests connect by the thousand
  const args = [`--pgdata=${data}`, ...auth, ...locale, ...hasty];
  try {
    await execa(join(bin, 'initdb'), args, { cwd: '/', ...user });
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/** Ready means that the database `millrace` takes queries; it is created when only the server is there. */
async function answers(url: string): Promise<boolean> {
  try {
    await query(url, 'select 1');
  } catch (error) {
    if ((error as { code?: string }).code !== '3D000') throw error;
    await query(new URL('/postgres', url).href, 'create database millrace');
  }
  return true;
}

/** Runs one statement on its own connection. */
export async function query<Row extends pg.QueryResultRow>(
  url: string,
  sql: string,
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => undefined); // a server that is being killed; the query below reports it
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}
