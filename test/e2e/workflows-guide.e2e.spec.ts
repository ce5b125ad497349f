import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { projectFolder } from '../../scripts/services/folders.ts';
import { type App, bootApp } from '../support/app.js';
import { MailFolder } from '../support/mail.js';

interface Block {
  readonly language: string;
  readonly text: string;
}

const PAGE = readFileSync(join(projectFolder, 'docs/workflows-guide.md'), 'utf8');

const blocks: Block[] = [...PAGE.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(
  ([, language = '', text = '']) => ({ language, text }),
);

/** Commands, each with what the page says that the last one of them answers. */
const steps = blocks.flatMap(({ language, text }, index) =>
  language === 'bash' ? [{ command: text, answer: blocks[index + 1] }] : [],
);

describe('the guide to workflows', () => {
  let app: App;
  const mail = new MailFolder();
  beforeAll(async () => {
    app = await bootApp({ env: { MAIL_URL: mail.path }, shared: true });
  });
  afterAll(async () => {
    await app.stop();
    mail.remove();
  });

  it('tells the answer of every command', () => {
    expect(steps.length).toBeGreaterThan(10);
    expect(steps.map(({ answer }) => answer?.language)).toEqual(
      steps.map(() => expect.stringMatching(/^(json|text)$/) as string),
    );
  });

  it('tells the truth about all of them, one after the other', async () => {
    for (const { command, answer } of steps) {
      const here = command.replaceAll('localhost:8000', new URL(app.http.url).host);
      const quiet = here.replaceAll(/^curl /gm, 'curl --silent --show-error --write-out "\\n" ');
      const { stdout, stderr } = await execa(quiet, { shell: 'bash', cwd: projectFolder });
      expect([stderr, command]).toEqual(['', command]);
      const said = stdout.trim();
      if (answer?.language === 'text') expect(said).toBe(answer.text.trim());
      else {
        const last = JSON.parse(said.split('\n').at(-1) ?? '') as object;
        expect(last).toMatchObject(JSON.parse(answer?.text ?? '') as object);
      }
      await app.settle();
    }
    const [report] = mail.about('The report');
    expect([report?.headers.get('to'), report?.body]).toEqual(['ann@example.com', 'All is well']);
  }, 60_000);
});
