import { execa, type Options } from 'execa';
import { hasDockerEngine } from '../services/container.ts';
import { projectFolder } from '../services/folders.ts';
import { step } from './steps.ts';
import { writeStandEnv } from './state.ts';

/** Whether the stand runs on Docker here: an engine answers and knows compose v2. */
export async function hasCompose(): Promise<boolean> {
  if (!(await hasDockerEngine())) return false;
  return (await execa('docker', ['compose', 'version'], { reject: false })).exitCode === 0;
}

/** Builds the image and brings every container up; returns when all are healthy. */
export async function up(port: number): Promise<void> {
  const options = { env: { PORT: String(port) }, all: true } as const;
  await step('Image', () => compose(['build'], options));
  await step('Containers', () =>
    compose(['up', '--detach', '--wait', '--remove-orphans'], options),
  );
  const [postgres, rabbitmq, redis] = await Promise.all([
    published('postgres', 5432),
    published('rabbitmq', 5672),
    published('redis', 6379),
  ]);
  const password = process.env['MILLRACE_PASSWORD'] || 'millrace';
  writeStandEnv({
    DATABASE_URL: `postgres://millrace:${password}@${postgres}/millrace`,
    AMQP_URL: `amqp://millrace:${password}@${rabbitmq}`,
    REDIS_URL: `redis://${redis}`,
    AUTH_MODE: process.env['AUTH_MODE'] || 'open',
    PORT: String(port),
  });
}

/** Removes the containers and networks; the data stays in its volumes. Says whether there was anything. */
export async function down(): Promise<boolean> {
  const { stdout } = await execa('docker', ['compose', 'ps', '--all', '--quiet'], {
    cwd: projectFolder,
    reject: false,
  });
  if (!stdout) return false;
  await step('Containers stopped', () => compose(['down', '--remove-orphans'], { all: true }));
  return true;
}

/** Removes the containers and all of their data. */
export async function clean(): Promise<void> {
  await step('Containers and data removed', () =>
    compose(['down', '--remove-orphans', '--volumes'], { all: true }),
  );
}

/** Runs compose with this terminal as its own. */
export async function attached(...args: string[]): Promise<number> {
  const { exitCode } = await compose(args, { stdio: 'inherit', reject: false });
  return exitCode ?? 1;
}

/** Where a port of a service is reached from this machine, as `127.0.0.1:5432`. */
async function published(service: string, port: number): Promise<string> {
  const { stdout } = await execa('docker', ['compose', 'port', service, String(port)], {
    cwd: projectFolder,
  });
  return stdout.trim();
}

function compose(args: readonly string[], options: Options) {
  return execa('docker', ['compose', ...args], { cwd: projectFolder, ...options });
}
