import { connect } from 'node:net';
import { join } from 'node:path';
import getPort from 'get-port';
import { ensureInstalled, findRedis } from './binaries.ts';
import { hasDockerEngine, removeContainer, runContainer } from './container.ts';
import { spawnDaemon } from './daemon.ts';
import { removeFolder, temporaryFolder } from './folders.ts';
import { Service } from './service.ts';

/** Many numbered databases, so that every test can have its own. */
const SETTINGS = [
  '--databases',
  '1024',
  '--save',
  '',
  '--appendonly',
  'yes',
  '--appendfsync',
  'everysec',
];

/** Starts a private Redis on loopback. */
export async function startRedis(): Promise<Service> {
  const port = await getPort({ host: '127.0.0.1' });
  const launcher = (await hasDockerEngine()) ? container(port) : await process_(port);
  const recipe = { name: 'Redis', isReady: () => pings(port), ...launcher };
  return new Service(`redis://127.0.0.1:${port}`, recipe).start();
}

function container(port: number) {
  const name = `millrace-redis-${port}`;
  const command = ['redis-server', '--bind', '*', '--protected-mode', 'no', ...SETTINGS];
  return {
    launch: () => runContainer({ name, image: 'redis:8', ports: [[port, 6379]], command }),
    wipe: () => removeContainer(name),
    remove: () => removeContainer(name),
  };
}

async function process_(port: number) {
  await ensureInstalled();
  const { path: folder, remove } = temporaryFolder('millrace-redis-');
  return {
    launch: () =>
      spawnDaemon({
        command: findRedis() ?? 'redis-server',
        args: ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, ...SETTINGS],
        cwd: folder,
        logFile: join(folder, 'redis.log'),
      }),
    wipe: () => removeFolder(join(folder, 'appendonlydir')),
    remove,
  };
}

function pings(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.setTimeout(1_000, () => socket.destroy(new Error('no answer to PING')));
    socket.once('data', (data) => {
      socket.end();
      resolve(data.toString().startsWith('+PONG'));
    });
    socket.once('error', reject);
  });
}
