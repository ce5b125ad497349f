import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import getPort from 'get-port';
import { ensureInstalled, findEpmd, findRabbitMq } from './binaries.ts';
import { hasDockerEngine, removeContainer, runContainer } from './container.ts';
import { spawnDaemon, type Daemon } from './daemon.ts';
import { removeFolder, temporaryFolder } from './folders.ts';
import { Service } from './service.ts';

const CREDENTIALS = 'guest:guest';

interface Ports {
  amqp: number;
  management: number;
  erlang: number;
  epmd: number;
}

/** A broker with its management API, by which virtual hosts are made in milliseconds. */
export class RabbitMqService extends Service {
  readonly managementUrl: string;
  /** Runs `rabbitmqctl` on it, as an operator would. */
  readonly ctl: (...args: string[]) => Promise<void>;

  constructor(
    ports: Ports,
    recipe: ConstructorParameters<typeof Service>[1] & Pick<RabbitMqService, 'ctl'>,
  ) {
    super(`amqp://${CREDENTIALS}@127.0.0.1:${ports.amqp}`, recipe);
    this.managementUrl = managementUrl(ports);
    this.ctl = recipe.ctl;
  }
}

/** Starts a private RabbitMQ with the management plugin on loopback; it touches no other broker and no other epmd. */
export async function startRabbitMq(): Promise<RabbitMqService> {
  const port = () => getPort({ host: '127.0.0.1' });
  const ports = {
    amqp: await port(),
    management: await port(),
    erlang: await port(),
    epmd: await port(),
  };
  const launcher = (await hasDockerEngine()) ? container(ports) : await process_(ports);
  const recipe = {
    name: 'RabbitMQ',
    isReady: () => serves(ports),
    deadlineMs: 90_000,
    ...launcher,
  };
  return new RabbitMqService(ports, recipe).start();
}

function container(ports: Ports) {
  const name = `millrace-rabbitmq-${ports.amqp}`;
  const published = [
    [ports.amqp, 5672],
    [ports.management, 15672],
  ] as const;
  return {
    launch: () => runContainer({ name, image: 'rabbitmq:4-management', ports: published }),
    wipe: () => removeContainer(name),
    remove: () => removeContainer(name),
    ctl: async (...args: string[]) => {
      await execa('docker', ['exec', name, 'rabbitmqctl', ...args]);
    },
  };
}

async function process_(ports: Ports) {
  await ensureInstalled();
  const { path: folder, remove } = temporaryFolder('millrace-rabbitmq-');
  return {
    launch: () => launch(folder, ports),
    wipe: () => removeFolder(join(folder, 'mnesia')),
    remove,
    ctl: async (...args: string[]) => {
      const file = join(dirname(findRabbitMq() ?? ''), 'rabbitmqctl');
      await execa(file, args, { env: await environment(folder, ports) });
    },
  };
}

/** RabbitMQ finds an epmd of ours on our port, so it starts none of its own that would outlive it. */
async function launch(folder: string, ports: Ports): Promise<Daemon> {
  const env = await environment(folder, ports);
  const logFile = join(folder, 'rabbitmq.log');
  const epmd = await spawnDaemon({
    command: findEpmd() ?? 'epmd',
    args: ['-port', String(ports.epmd), '-address', '127.0.0.1'],
    logFile: join(folder, 'epmd.log'),
    cwd: folder,
    env,
  });
  const broker = await spawnDaemon({
    command: findRabbitMq() ?? 'rabbitmq-server',
    args: [],
    logFile,
    cwd: folder,
    env,
  });
  const withEpmd = async (end: Promise<void>) => {
    await end;
    await epmd.kill();
  };
  return {
    ...broker,
    stop: (graceMs) => withEpmd(broker.stop(graceMs)),
    kill: () => withEpmd(broker.kill()),
  };
}

async function environment(folder: string, ports: Ports): Promise<NodeJS.ProcessEnv> {
  await mkdir(join(folder, 'home'), { recursive: true, mode: 0o700 });
  const configFile = join(folder, 'rabbitmq.conf');
  const pluginsFile = join(folder, 'enabled_plugins');
  await writeFile(configFile, configuration(ports));
  await writeFile(pluginsFile, '[rabbitmq_management].\n');
  await writeFile(join(folder, 'rabbitmq-env.conf'), '');
  return {
    ...process.env,
    HOME: join(folder, 'home'), // the Erlang cookie
    ERL_EPMD_PORT: String(ports.epmd),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_CONF_ENV_FILE: join(folder, 'rabbitmq-env.conf'),
    RABBITMQ_NODENAME: `millrace-${ports.amqp}@localhost`,
    RABBITMQ_DIST_PORT: String(ports.erlang),
    RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_LOGS: '-',
    RABBITMQ_CONFIG_FILE: configFile,
    RABBITMQ_ENABLED_PLUGINS_FILE: pluginsFile,
    // No busy waiting: a broker beside the tests would burn the cores that they need.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
      '-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none',
  };
}

function configuration({ amqp, management }: Ports): string {
  return [
    `listeners.tcp.1 = 127.0.0.1:${amqp}`,
    'management.tcp.ip = 127.0.0.1',
    `management.tcp.port = ${management}`,
    'disk_free_limit.absolute = 50MB',
    'log.console.level = info',
    '',
  ].join('\n');
}

function managementUrl(ports: Ports): string {
  return `http://${CREDENTIALS}@127.0.0.1:${ports.management}`;
}

/** The AMQP listener opens last; the management API must answer as well. */
async function serves(ports: Ports): Promise<boolean> {
  await accepts(ports.amqp);
  const answer = await fetch(`http://127.0.0.1:${ports.management}/api/overview`, {
    headers: { authorization: `Basic ${Buffer.from(CREDENTIALS).toString('base64')}` },
    signal: AbortSignal.timeout(2_000),
  });
  return answer.ok;
}

function accepts(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.end();
      resolve();
    });
    socket.once('error', reject);
  });
}
