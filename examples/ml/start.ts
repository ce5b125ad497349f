/**
 * `npm run example:ml`: brings the example's table up to date and runs the example in one process or, with `--replicas`,
 * in several that share its queues. Ctrl-C or SIGTERM ends them all in good order; when one ends by itself, so do the
 * others, and none outlives this process.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { whenWeDie } from '../../scripts/services/daemon.ts';
import { InvalidEnvironmentError, loadEnv } from '../../src/kernel/env.js';
import { migrateDatabase } from '../../src/kernel/migrations.js';
import { CreateMlAudit1763683500000 } from './migrations/1763683500000-create-ml-audit.js';

const USAGE = `Usage: npm run example:ml -- [--replicas <1 to 20>] [--port <port>]

Runs the scopes ml and ml-audit on the stand's Postgres and broker (make all starts it), or on those that
DATABASE_URL and AMQP_URL name. The first replica answers HTTP on port 8010, the next one on 8011, and so on.`;

/** A little more than a replica gives itself for its end. */
const END_MS = 35_000;

interface Wanted {
  readonly replicas: number;
  readonly port: number;
}

/** Throws, in words for whoever typed them, when the arguments make no sense. */
function readArguments(): Wanted | undefined {
  const { values } = parseArgs({
    options: {
      replicas: { type: 'string', default: '1' },
      port: { type: 'string', default: '8010' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    replicas: wholeNumber('--replicas', values.replicas, { min: 1, max: 20 }),
    port: wholeNumber('--port', values.port, { min: 0, max: 65_000 }),
  };
}

function wholeNumber(name: string, text: string, { min, max }: { min: number; max: number }) {
  const value = Number(text);
  if (text !== '' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new TypeError(`${name} must be a number from ${min} to ${max}, not "${text}"`);
}

/** Resolves when all have ended; false when one did so by itself. */
async function run({ replicas, port }: Wanted): Promise<boolean> {
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      ending.abort();
    });
  }
  const outcomes = Array.from({ length: replicas }, async (_, index) => {
    const running = execa(
      process.execPath,
      [...process.execArgv, join(import.meta.dirname, 'main.ts')],
      {
        stdio: ['ignore', 'inherit', 'inherit'],
        env: { DATABASE_POOL_SIZE: '5', ...process.env, PORT: String(port && port + index) },
        cancelSignal: ending.signal,
        forceKillAfterDelay: END_MS,
        reject: false,
      },
    );
    const callOff = whenWeDie('kill "$1"', [String(running.pid)]);
    const replica = await running;
    callOff();
    const wasAsked = ending.signal.aborted;
    ending.abort();
    return wasAsked && (replica.exitCode === 0 || replica.signal === 'SIGTERM');
  });
  return (await Promise.all(outcomes)).every(Boolean);
}

async function main(): Promise<number> {
  const wanted = readArguments();
  if (!wanted) {
    console.log(USAGE);
    return 0;
  }
  const { DATABASE_URL } = loadEnv();
  await migrateDatabase(DATABASE_URL, [CreateMlAudit1763683500000]);
  return (await run(wanted)) ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof InvalidEnvironmentError) {
    console.error(`${error.message}\nIs the stand up? \`make all\` starts it.`);
  } else if (error instanceof TypeError) console.error(`${error.message}\n\n${USAGE}`);
  else console.error(error);
  process.exitCode = error instanceof TypeError ? 2 : 1;
}
