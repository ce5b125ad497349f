import { Inject, type OnApplicationShutdown } from '@nestjs/common';
import { Agent, type Dispatcher, request } from 'undici';
import { z } from 'zod';
import { ENV, type Env } from '../../kernel/env.js';
import { ForbiddenAddressError, guardedConnector } from '../../kernel/http/guarded-connector.js';
import { isStorable, isTooDeep } from '../../kernel/http/json-body.js';
import { PermanentError } from '../../tasks/index.js';
import {
  type ModuleContext,
  type ModuleResult,
  WorkflowModule,
  type WorkflowModuleRunner,
} from './workflow-module.js';

const CONNECT_TIMEOUT_MS = 5_000;
const MAX_ANSWER_BYTES = 256 * 1_024;
/** What is told of an answer that was not expected. */
const MAX_TOLD = 200;

const call = z.strictObject({
  method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD']).default('GET'),
  url: z.url({ protocol: /^https?$/, error: 'must be a URL with http or https' }),
  headers: z
    .record(z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/), z.string().regex(/^[^\r\n\0]*$/))
    .default({}),
  json: z.json().optional().meta({ description: 'The body.' }),
  timeout_ms: z.int().min(1).max(120_000).default(30_000),
  expect: z
    .array(z.int().min(200).max(599))
    .min(1)
    .optional()
    .meta({ description: 'Statuses that are an answer; default: 200 to 299.' }),
});
type Call = z.output<typeof call>;

interface Answer {
  readonly status: number;
  readonly isJson: boolean;
  readonly text: string;
}

/** Another attempt may help; its name is the code of the failure. */
class CallFailed extends Error {
  constructor(
    override readonly name: string,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Calls others over HTTP; the status and the body of the answer are its result. Redirects are not followed. What passes
 * (no connection, no answer in time, 408, 425, 429, 5xx) is tried again; any other status that was not expected is not.
 */
@WorkflowModule({ name: 'http', description: 'Calls a URL.', config: call })
export class CallHttp implements WorkflowModuleRunner<Call>, OnApplicationShutdown {
  readonly #agent: Agent;

  constructor(@Inject(ENV) { WORKFLOWS_PRIVATE_HOSTS: privateHosts }: Env) {
    const guard = { privateHosts, setting: 'WORKFLOWS_PRIVATE_HOSTS' };
    this.#agent = new Agent({
      connect: guardedConnector({ ...guard, timeoutMs: CONNECT_TIMEOUT_MS }),
      maxResponseSize: MAX_ANSWER_BYTES,
    });
  }

  async execute(config: Call, context: ModuleContext): Promise<ModuleResult> {
    const { method, url, expect } = config;
    const answer = await this.#answerTo(config, context);
    const { status } = answer;
    if (expect ? expect.includes(status) : status < 300)
      return { result: { status, body: bodyOf(answer) } };
    const told = `${method} ${url} was answered ${status}: ${beginningOf(answer.text)}`;
    if (status >= 500 || PASSING.has(status)) throw new CallFailed(`http-${status}`, told);
    throw new PermanentError(told, `http-${status}`);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#agent.destroy();
  }

  async #answerTo(config: Call, { idempotencyKey, signal }: ModuleContext): Promise<Answer> {
    const { method, url, headers, json, timeout_ms: timeoutMs } = config;
    try {
      const {
        statusCode,
        headers: said,
        body,
      } = await request(url, {
        dispatcher: this.#agent,
        method: method as Dispatcher.HttpMethod,
        headers: {
          accept: 'application/json',
          'idempotency-key': idempotencyKey,
          ...(json !== undefined && { 'content-type': 'application/json' }),
          ...Object.fromEntries(
            Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
          ),
        },
        ...(json !== undefined && { body: JSON.stringify(json) }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
      const isJson = /[/+]json\b/.test(String(said['content-type'] ?? ''));
      return { status: statusCode, isJson, text: await body.text() };
    } catch (error) {
      throw judged(error as Error & { code?: string });
    }
  }
}

const PASSING: ReadonlySet<number> = new Set([408, 425, 429]);

/** Whatever is not of the call's own making passes. */
function judged(error: Error & { code?: string }): Error {
  if (error instanceof ForbiddenAddressError) return new PermanentError(error.message, error.code);
  switch (error.code) {
    case 'UND_ERR_INVALID_ARG':
      return new PermanentError(error.message, 'invalid-config');
    case 'UND_ERR_RES_EXCEEDED_MAX_SIZE':
      return new PermanentError(
        `The answer is larger than ${MAX_ANSWER_BYTES} bytes`,
        'bad-answer',
      );
    default:
      return new CallFailed('http-failed', error.message || (error.code ?? error.name));
  }
}

/** Its beginning, as Postgres can hold it. */
const beginningOf = (text: string): string =>
  text.slice(0, MAX_TOLD).replaceAll('\0', '').toWellFormed();

/** JSON where the answer says so, else text; null for none. */
function bodyOf(answer: Answer): unknown {
  const body = answer.isJson && answer.text !== '' ? parsed(answer.text) : answer.text || null;
  if (isStorable(body)) return body;
  throw new PermanentError('The answer holds U+0000 or half of a surrogate pair', 'bad-answer');
}

function parsed(text: string): unknown {
  if (isTooDeep(text)) throw new PermanentError('The answer is nested too deeply', 'bad-answer');
  try {
    return JSON.parse(text);
  } catch {
    throw new PermanentError('The answer says that it is JSON, and is not', 'bad-answer');
  }
}
