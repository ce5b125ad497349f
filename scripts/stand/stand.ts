/** The commands behind `make all`, `make down` and their like: on Docker where an engine runs, embedded elsewhere. */
import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { projectFolder } from '../services/folders.ts';
import { build } from './build.ts';
import * as docker from './compose.ts';
import * as embedded from './embedded.ts';
import { forgetState, logsFolder, runningStand, standEnvFile } from './state.ts';
import { StandError } from './steps.ts';

const dotEnv = join(projectFolder, '.env');
if (existsSync(dotEnv)) process.loadEnvFile(dotEnv);
const port = Number(process.env['PORT'] || 8000);

const commands: Record<string, () => Promise<number | void>> = {
  up,
  down,
  clean,
  status,
  logs: () => follow(['--tail=100'], globSync(join(logsFolder, '*.log'))),
  'app-logs': () => follow(['--tail=100', 'api', 'worker', 'relay'], [join(logsFolder, 'app.log')]),
  'app-shell': shell,
  migrate,
};

async function up(): Promise<void> {
  const digest = await build();
  const onDocker = await docker.hasCompose();
  await (onDocker ? docker.up(port) : embedded.up(port, digest));
  const base = `http://localhost:${port}`;
  console.log(`
Millrace is up at ${base}
  Swagger   ${base}/api/docs
  Try       curl -X POST ${base}/tasks -H 'content-type: application/json' -d '{"payload":"test task"}'
  Logs      ${onDocker ? 'make logs' : '.stand/logs/*.log, make logs'}
  Mail      ${onDocker ? 'http://localhost:8025' : '.stand/mail/*.eml'}${onDocker ? '\n  RabbitMQ  http://localhost:15672 (millrace / millrace)' : ''}
  Stop      make down`);
}

async function down(): Promise<void> {
  const wasEmbedded = await embedded.down();
  const wasDocker = (await docker.hasCompose()) && (await docker.down());
  forgetState();
  console.log(wasEmbedded || wasDocker ? 'The stand is down.' : 'The stand was not up.');
}

async function clean(): Promise<void> {
  if (await docker.hasCompose()) await docker.clean();
  await down();
  await embedded.clean();
  console.log('Its data is deleted.');
}

async function status(): Promise<number> {
  if (await docker.hasCompose()) return docker.attached('ps');
  const state = runningStand();
  console.log(
    state ? `${state.phase}, port ${state.port}, restarts ${state.restarts}` : 'The stand is down.',
  );
  if (state?.problem) console.log(state.problem);
  return state ? 0 : 1;
}

async function follow(composeArguments: string[], files: string[]): Promise<number> {
  if (await docker.hasCompose()) return docker.attached('logs', '--follow', ...composeArguments);
  if (!files.some((file) => existsSync(file)))
    throw new StandError('There are no logs yet: make all starts the stand');
  return attach('tail', ['-n', '100', '-F', ...files]);
}

/** A shell in which the stand's settings are set, so that `npm run send` and psql reach it. */
async function shell(): Promise<number> {
  if (await docker.hasCompose()) return docker.attached('exec', 'api', 'sh');
  demandUp();
  console.log(
    'DATABASE_URL and the other settings of the stand are set; try: node, npm run send, psql "$DATABASE_URL"',
  );
  return attach(process.env['SHELL'] ?? '/bin/sh', []);
}

async function migrate(): Promise<number> {
  if (await docker.hasCompose()) return docker.attached('run', '--rm', 'migrate');
  await build();
  demandUp();
  return attach(process.execPath, ['--enable-source-maps', join(projectFolder, 'dist/migrate.js')]);
}

function demandUp(): void {
  if (!runningStand()) throw new StandError('The stand is down: make all starts it');
  process.loadEnvFile(standEnvFile);
}

async function attach(command: string, args: string[]): Promise<number> {
  process.on('SIGINT', () => undefined); // Ctrl-C is for the command
  const { exitCode } = await execa(command, args, {
    stdio: 'inherit',
    cwd: projectFolder,
    reject: false,
  });
  return exitCode ?? 0;
}

try {
  const [name = ''] = process.argv.slice(2);
  const command = commands[name];
  if (!command)
    throw new StandError(
      `Unknown command "${name}"; there are ${Object.keys(commands).join(', ')}`,
    );
  process.exitCode = (await command()) ?? 0;
} catch (error) {
  console.error(error instanceof StandError ? error.message : error);
  process.exitCode = 1;
}
