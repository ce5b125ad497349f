import { join } from 'node:path';
import { execa } from 'execa';
import { projectFolder } from '../../scripts/services/folders.ts';
import { type App, bootApp, BROKERS } from '../support/app.js';
import { MailFolder } from '../support/mail.js';
import { blocksOf, pattern, stepsOf } from '../support/pages.js';
import { SEND } from '../support/spawned-example.js';
import { eventually } from '../support/until.js';

const blocks = blocksOf('docs/workflows-tour.md');
const steps = stepsOf(blocks);

/** What changes something is not said twice. */
const CHANGES = / -d |-X POST|npm run/;

describe('the tour of workflows', () => {
  let folder: MailFolder;
  let app: App;

  beforeEach(() => {
    folder = new MailFolder();
  });
  afterEach(() => {
    folder.remove();
  });

  /** The page's command, for the services of the test. Its variable `task` is there in the commands after it. */
  const run = async (command: string): Promise<string> => {
    const here = command
      .replaceAll('localhost:8000', new URL(app.http.url).host)
      .replaceAll('npm run --silent send --', `node ${SEND.join(' ')}`)
      .replaceAll('.stand/mail', folder.path);
    const kept = join(folder.path, '.variables');
    const script = `test ! -f ${kept} || . ${kept}\n${here}declare -p task > ${kept} 2> /dev/null || true`;
    const services = { DATABASE_URL: app.databaseUrl, AMQP_URL: app.amqpUrl ?? '' };
    const env = { AUTH_MODE: 'open', NODE_ENV: 'test', ...services };
    const options = { cwd: projectFolder, env, reject: false, shell: 'bash' } as const;
    const { stdout } = await execa(script, options);
    return stdout.replaceAll('\r', ''); // mails have them; a terminal does not show them
  };

  it('tells the output of every command', () => {
    expect(steps).toHaveLength(19);
    expect(blocks.filter(({ language }) => language === 'sh')).toHaveLength(steps.length);
  });

  it.each(BROKERS)(
    'tells the truth about every command on %s',
    async (broker) => {
      app = await bootApp({ broker, env: { MAIL_URL: folder.path } });
      for (const { command, output } of steps) {
        await app.settle();
        const check = async (): Promise<void> => {
          const said = `${command}${await run(command)}\n`;
          expect(said).toEqual(expect.stringMatching(pattern(command + output)));
        };
        await (CHANGES.test(command) ? check() : eventually(check));
      }
    },
    120_000,
  );
});
