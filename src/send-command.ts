import { parseArgs } from 'node:util';
import { HEADER } from './kernel/messaging/message-headers.js';

/** What `npm run send` was told to send. */
export interface SendCommand {
  readonly queue: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly payload: string;
  /** Undefined: one of its own. */
  readonly id: string | undefined;
  /** Wait for what the method returns. */
  readonly reply: boolean;
}

export const USAGE = `Usage: npm run send -- <queue>[/<route>] ['<json>'] [--text '<text>'] [--header name=value ...] [--id <message id>] [--token <token>] [--reply]

Sends one message and waits until the broker has it. Without a body the message has none.

  <queue>/<route>   the queue of a scope, and the route inside of it
  --header          a header; "route" names the route, too, and parameters that the route lacks are read from headers
  --text            a body that is text and no JSON
  --id              the message's id: sent twice, it has its effect once. Default: a new one
  --token           who sends it: an access token, as a login answers it
  --reply           wait for the answer, half a minute at most, and print it

For example
  npm run send -- tasks/create '{"payload":"from the queue"}'
  npm run send -- ml --header route=train_model --header model_id=17 --text 'training text'`;

/** Thrown for arguments that do not say what to send; the message says why. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Undefined when only the usage is asked for. Throws {@link UsageError}. */
export function readSendCommand(args: readonly string[]): SendCommand | undefined {
  const { values, positionals } = parse(args);
  if (values.help) return undefined;
  const [target = '', ...bodies] = positionals;
  const [queue = '', ...route] = target.split('/');
  const headers: Record<string, string> = {
    ...headersOf(values.header, route.join('/')),
    ...(values.token === undefined ? {} : { [HEADER.authorization]: `Bearer ${values.token}` }),
  };
  if (queue === '') throw new UsageError('Which queue?');
  if (headers[HEADER.route] === undefined) {
    throw new UsageError(`Which route? ${queue}/<route>, or --header route=<route>`);
  }
  return { queue, headers, ...bodyOf(bodies, values.text), id: values.id, reply: values.reply };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        header: { type: 'string', multiple: true, default: [] },
        text: { type: 'string' },
        id: { type: 'string' },
        token: { type: 'string' },
        reply: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function headersOf(pairs: readonly string[], route: string): Record<string, string> {
  const headers: Record<string, string> = route === '' ? {} : { [HEADER.route]: route };
  for (const pair of pairs) {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(pair) ?? [];
    if (name === undefined || value === undefined) {
      throw new UsageError(`--header "${pair}" is not name=value`);
    }
    if (headers[name] !== undefined) throw new UsageError(`There are two headers "${name}"`);
    headers[name] = value;
  }
  return headers;
}

function bodyOf([json, ...more]: readonly string[], text: string | undefined) {
  if (more.length > 0) throw new UsageError(`What is "${more.join(' ')}"? One body, in quotes.`);
  if (text === undefined) return { contentType: 'application/json', payload: jsonOf(json) };
  if (json === undefined) return { contentType: 'text/plain', payload: text };
  throw new UsageError('A message has one body: either JSON or --text.');
}

function jsonOf(text: string | undefined): string {
  if (text === undefined) return '';
  try {
    JSON.parse(text);
    return text;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`The body is not JSON (${reason}); --text sends it as text.`);
  }
}
