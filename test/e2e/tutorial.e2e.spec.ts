import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import getPort from 'get-port';
import { projectFolder } from '../../scripts/services/folders.ts';
import { BROKERS } from '../support/app.js';
import { type Block, blocksOf, pattern, stepsOf } from '../support/pages.js';
import { type Lease, testDatabase, testVhost } from '../support/services.js';
import { type ExampleGround, SEND, spawnExample } from '../support/spawned-example.js';
import { eventually } from '../support/until.js';

const FOLDER = `examples/tutorial-${process.pid}`;

const blocks = blocksOf('docs/tutorial-messages.md');
const steps = stepsOf(blocks);

/** What the reader does to the files: new ones, imports at the top, methods into the class, the rest at the end. */
function write({ file, text }: Block): void {
  const path = join(projectFolder, FOLDER, file ?? '');
  if (file?.endsWith('.spec.ts')) {
    writeFileSync(path, text);
    return;
  }
  const before = readFileSync(path, 'utf8');
  if (text.startsWith('import ')) writeFileSync(path, text + before);
  else if (text.startsWith('  @')) writeFileSync(path, before.replace(/\}\n$/, `\n${text}}\n`));
  else writeFileSync(path, before + text);
}

describe('the tutorial', () => {
  const leases: Lease[] = [];
  let port: number;

  beforeAll(async () => {
    port = await getPort();
    cpSync(join(projectFolder, 'examples/ml'), join(projectFolder, FOLDER), {
      recursive: true,
      filter: (source) => !source.endsWith('.spec.ts'),
    });
    for (const block of blocks) if (block.language === 'ts') write(block);
  });
  afterAll(async () => {
    rmSync(join(projectFolder, FOLDER), { recursive: true, force: true });
    for (const lease of leases) await lease.release();
  });

  const newGround = async (broker: (typeof BROKERS)[number]): Promise<ExampleGround> => {
    const database = await testDatabase({ template: 'empty' });
    const vhost = broker === 'rabbitmq' ? await testVhost() : undefined;
    leases.push(database, ...(vhost ? [vhost] : []));
    return { databaseUrl: database.url, amqpUrl: vhost?.url };
  };

  /** The page's command, for the copy of the example and for the services of the test. */
  const run = async (command: string, { databaseUrl, amqpUrl = '' }: ExampleGround) => {
    const here = command
      .replaceAll('localhost:8010', `127.0.0.1:${port}`)
      .replaceAll('npm run --silent send --', `node ${SEND.join(' ')}`)
      .replaceAll('examples/ml', FOLDER);
    const services = { DATABASE_URL: databaseUrl, AMQP_URL: amqpUrl };
    const env = { AUTH_MODE: 'open', NODE_ENV: 'test', ...services };
    const options = { cwd: projectFolder, env, reject: false, shell: 'bash' } as const;
    return (await execa(here, options)).stdout;
  };

  it('tells the output of seven commands, and shows three files', () => {
    expect(steps).toHaveLength(7);
    const files = blocks.flatMap(({ file }) => file ?? []);
    expect(new Set(files)).toEqual(
      new Set(['models.dto.ts', 'models.controller.ts', 'rate.spec.ts']),
    );
  });

  it.each(BROKERS)(
    'tells the truth about every command on %s',
    async (broker) => {
      const ground = await newGround(broker);
      await spawnExample(ground, { port, copy: `${FOLDER}/start.ts` });
      for (const { command, output } of steps) {
        // A reader is slower than the way of a dead letter into its table.
        await eventually(async () => {
          const said = `${command}${await run(command, ground)}\n`;
          expect(said).toEqual(expect.stringMatching(pattern(command + output)));
        });
      }
    },
    120_000,
  );

  it('shows code that compiles', async () => {
    const config = join(projectFolder, FOLDER, 'tsconfig.json');
    writeFileSync(config, '{ "extends": "../../tsconfig.json", "include": ["."], "exclude": [] }');
    const { stdout } = await execa('tsc', ['--noEmit', '-p', config], {
      cwd: projectFolder,
      preferLocal: true,
      reject: false,
    });
    expect(stdout).toBe('');
  }, 120_000);
});
