import { randomUUID } from 'node:crypto';
import { link, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { createTransport } from 'nodemailer';
import { ENV, type Env } from '../../kernel/env.js';
import { PermanentError } from '../../tasks/index.js';

const TIMEOUT_MS = 30_000;

export interface Letter {
  readonly to: string | string[];
  readonly cc?: string | string[] | undefined;
  readonly subject: string;
  readonly text?: string | undefined;
  readonly html?: string | undefined;
}

/** What became of a letter that was taken. */
export interface Posted {
  readonly message_id: string;
  readonly accepted: readonly string[];
  /** Recipients that the server refused while it took others. */
  readonly rejected: readonly string[];
}

/** Passes: the server is away, or will take it later. */
class MailDelayed extends Error {
  override readonly name = 'mail-delayed';
}

/**
 * Posts letters where `MAIL_URL` says: to an SMTP server, or as files. The key makes the Message-ID, so that of a letter
 * that is posted again after a crash the recipient's program shows one, and there is one file. Throws `PermanentError`
 * where another attempt cannot help.
 */
@Injectable()
export class Mailer implements OnApplicationShutdown {
  readonly #smtp;

  constructor(@Inject(ENV) private readonly env: Env) {
    const { MAIL_URL: url } = env;
    this.#smtp = url !== undefined && isSmtp(url) ? smtpTransport(url) : undefined;
  }

  async post(letter: Letter, key: string, signal: AbortSignal): Promise<Posted> {
    const { MAIL_URL: url, MAIL_FROM: from } = this.env;
    if (url === undefined)
      throw new PermanentError('MAIL_URL is not set: mail goes nowhere', 'mail-not-set-up');
    const id = `${key.replaceAll(/[^\w-]+/g, '.')}@${domainOf(from)}`;
    const mail = {
      ...letter,
      from,
      messageId: `<${id}>`,
      disableFileAccess: true,
      disableUrlAccess: true,
    };
    if (!this.#smtp) return file(url, id, mail);
    try {
      const sent = await this.#smtp.sendMail({ ...mail, signal });
      return {
        message_id: `<${id}>`,
        accepted: named(sent.accepted),
        rejected: named(sent.rejected),
      };
    } catch (error) {
      throw judged(error);
    }
  }

  onApplicationShutdown(): void {
    this.#smtp?.close();
  }
}

const isSmtp = (url: string): boolean => /^smtps?:/.test(url);

const domainOf = (from: string): string => /@([^\s<>]+)>?$/.exec(from)?.[1] ?? 'localhost';

const smtpTransport = (url: string) =>
  createTransport({
    url,
    pool: true,
    maxRequeues: 0, // a further attempt is the task's to make
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
  });

const composer = createTransport({ streamTransport: true, buffer: true });

/** Written beside and linked: whole, and once, whoever else writes it at the same time. */
async function file(
  folder: string,
  id: string,
  mail: Letter & { readonly messageId: string },
): Promise<Posted> {
  const { message, envelope } = await composer.sendMail(mail);
  await mkdir(folder, { recursive: true });
  const draft = join(folder, `.${id}.${randomUUID()}`);
  await writeFile(draft, message);
  try {
    await link(draft, join(folder, `${id}.eml`));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft);
  }
  return { message_id: mail.messageId, accepted: named(envelope.to), rejected: [] };
}

const named = (addresses: readonly (string | { address: string })[]): string[] =>
  addresses.map((one) => (typeof one === 'string' ? one : one.address));

/** 5xx is the server's last word, and so is a letter that cannot be written; the rest passes (RFC 5321, 4.2.1). */
function judged(error: unknown): Error {
  const { message, code, responseCode } = error as Error & {
    code?: string;
    responseCode?: number;
  };
  const isFinal = responseCode === undefined ? FINAL_CODES.has(code ?? '') : responseCode >= 500;
  if (isFinal) return new PermanentError(message, 'mail-refused');
  return new MailDelayed(message, { cause: error });
}

const FINAL_CODES = new Set(['EENVELOPE', 'EMESSAGE', 'ENOAUTH', 'ECONFIG', 'EREQUIRETLS']);
