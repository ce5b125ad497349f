import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A mail as it lies in a folder, or came over SMTP. */
export interface CaughtMail {
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Headers by their names in lower case; what is folded over lines is one again. */
function parsed(text: string): CaughtMail {
  const [head = '', ...rest] = text.replaceAll('\r\n', '\n').split('\n\n');
  const lines = head.replaceAll(/\n[ \t]+/g, ' ').split('\n');
  const headers = lines.map((line): [string, string] => {
    const [name = '', ...value] = line.split(': ');
    return [name.toLowerCase(), value.join(': ')];
  });
  return { headers: new Map(headers), body: rest.join('\n\n').trim() };
}

/** A folder for `MAIL_URL`. Remove it at the end. */
export class MailFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'millrace-mail-'));

  /** Every file, in the order in which they were made. */
  get files(): string[] {
    return readdirSync(this.path).sort();
  }

  get mails(): CaughtMail[] {
    return this.files.map((file) => parsed(readFileSync(join(this.path, file), 'utf8')));
  }

  /** Those with this subject. */
  about(subject: string): CaughtMail[] {
    return this.mails.filter(({ headers }) => headers.get('subject') === subject);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** An SMTP server on loopback that takes what it gets, or answers otherwise to commands that begin like a key. */
export class SmtpCatcher {
  readonly mails: CaughtMail[] = [];
  readonly answers = new Map<string, string>();
  readonly #server: Server = createServer((socket) => {
    this.#serve(socket);
  });
  readonly #sockets = new Set<Socket>();

  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `smtp://127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket.setEncoding('utf8'));
    let text = '';
    let isInMail = false;
    socket.on('error', () => socket.destroy());
    socket.write('220 catcher\r\n');
    socket.on('data', (chunk: string) => {
      text += chunk;
      for (;;) {
        const end = isInMail ? '\r\n.\r\n' : '\r\n';
        const at = text.indexOf(end);
        if (at < 0) return;
        const part = text.slice(0, at);
        text = text.slice(at + end.length);
        if (isInMail) this.mails.push(parsed(part));
        isInMail = !isInMail && part === 'DATA';
        socket.write(`${isInMail ? '354 go on' : this.#answerTo(part)}\r\n`);
      }
    });
  }

  #answerTo(command: string): string {
    const [, answer] = [...this.answers].find(([start]) => command.startsWith(start)) ?? [];
    return answer ?? '250 ok';
  }
}
