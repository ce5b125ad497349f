import { MailFolder, SmtpCatcher } from '../../../test/support/mail.js';
import { loadEnv } from '../../kernel/env.js';
import { PermanentError } from '../../tasks/index.js';
import { Mailer } from './mailer.js';

const LETTER = {
  to: ['Ann <ann@example.com>', 'ben@example.com'],
  subject: 'Grüße',
  text: 'Hello',
};
const NEVER = new AbortController().signal;

const mailerAt = (url: string): Mailer =>
  new Mailer(
    loadEnv({
      DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing',
      MAIL_URL: url,
      MAIL_FROM: 'Plant <plant@example.org>',
    }),
  );

describe('a mailer with a server', () => {
  let catcher: SmtpCatcher;
  let mailer: Mailer;

  beforeEach(async () => {
    catcher = new SmtpCatcher();
    mailer = mailerAt(await catcher.open());
  });
  afterEach(async () => {
    mailer.onApplicationShutdown();
    await catcher.close();
  });

  it('gives it the letter, with a Message-ID that is made of the key', async () => {
    const posted = await mailer.post(LETTER, 'workflow/1/mail/2', NEVER);
    expect(posted).toEqual({
      message_id: '<workflow.1.mail.2@example.org>',
      accepted: ['ann@example.com', 'ben@example.com'],
      rejected: [],
    });
    expect(catcher.mails).toHaveLength(1);
    const [{ headers, body } = { headers: new Map<string, string>(), body: '' }] = catcher.mails;
    expect(headers.get('message-id')).toBe('<workflow.1.mail.2@example.org>');
    expect(headers.get('from')).toBe('Plant <plant@example.org>');
    expect(headers.get('to')).toBe('Ann <ann@example.com>, ben@example.com');
    expect(body).toBe('Hello');
  });

  it('tells of recipients that were refused while others were taken', async () => {
    catcher.answers.set('RCPT TO:<ben', '550 no such user');
    expect(await mailer.post(LETTER, 'k', NEVER)).toMatchObject({
      accepted: ['ann@example.com'],
      rejected: ['ben@example.com'],
    });
  });

  it.each([
    ['MAIL FROM', '451 come back later', false],
    ['RCPT TO', '450 mailbox busy', false],
    ['MAIL FROM', '550 not from you', true],
    ['RCPT TO', '550 no such user', true],
  ])('whose answer to %s is %s: final %s', async (command, answer, isFinal) => {
    catcher.answers.set(command, answer);
    const error: unknown = await mailer.post(LETTER, 'k', NEVER).catch((one: unknown) => one);
    expect(error instanceof PermanentError).toBe(isFinal);
    expect(error).toMatchObject(isFinal ? { code: 'mail-refused' } : { name: 'mail-delayed' });
    expect((error as Error).message).toContain(answer);
  });

  it('waits for one that is away', async () => {
    const nowhere = mailerAt('smtp://127.0.0.1:1');
    await expect(nowhere.post(LETTER, 'k', NEVER)).rejects.toMatchObject({ name: 'mail-delayed' });
    nowhere.onApplicationShutdown();
  });
});

describe('a mailer with a folder', () => {
  let folder: MailFolder;
  beforeEach(() => {
    folder = new MailFolder();
  });
  afterEach(() => {
    folder.remove();
  });

  it('writes one file for a key, however often and wherever it is posted', async () => {
    const mailers = Array.from({ length: 5 }, () => mailerAt(folder.path));
    await Promise.all(mailers.map((mailer) => mailer.post(LETTER, 'workflow/1/mail/2', NEVER)));
    expect(folder.files).toEqual(['workflow.1.mail.2@example.org.eml']);
    await mailers[0]!.post(LETTER, 'workflow/1/mail/3', NEVER);
    expect(folder.files).toHaveLength(2);
    expect(folder.mails[0]?.body).toBe('Hello');
  });
});

describe('a mailer with neither', () => {
  it('says what is missing', async () => {
    const posted = mailerAt('').post(LETTER, 'k', NEVER);
    await expect(posted).rejects.toMatchObject({ code: 'mail-not-set-up' });
  });
});

it('takes a server or a folder as MAIL_URL, and nothing else', () => {
  for (const url of ['smtp://mail:1025', 'smtps://me:secret@mail', '.stand/mail', '/var/mail'])
    expect(() => mailerAt(url)).not.toThrow();
  for (const url of ['http://mail', 'smtp://', 'postgres://x'])
    expect(() => mailerAt(url)).toThrow('MAIL_URL');
});
