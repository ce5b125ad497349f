import { type OnApplicationShutdown, Inject, Injectable } from '@nestjs/common';
import { Agent, type Dispatcher } from 'undici';
import { ENV, type Env } from '../../kernel/env.js';
import { guardedConnector } from '../../kernel/http/guarded-connector.js';
import { isTooDeep } from '../../kernel/http/json-body.js';
import type { CallResult } from '../domain/message.state.js';

const CONNECT_TIMEOUT_MS = 3_000;
/** A longer answer is cut off. */
const MAX_ANSWER_BYTES = 256 * 1024;
const MAX_HEADER_BYTES = 16 * 1024;

/** One call as it goes out. */
export interface ProviderRequest {
  readonly url: URL;
  readonly messageId: string;
  readonly payload: unknown;
  /** From the first byte of the request to the last one of the answer. */
  readonly timeoutMs: number;
  /** Asked right before the first byte; false: nothing may be written any more. */
  readonly beforeWrite: () => boolean;
}

/** What one call came to, and what its answer said about the provider's limits. */
export interface ProviderAnswer {
  readonly result: CallResult;
  /** Undefined when no answer began. Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>> | undefined;
}

/**
 * Calls providers: kept connections, no redirects, answers of bounded size and time, and only addresses that providers
 * may have. Never rejects. `unsent` is said of nothing but calls of which no byte was written.
 */
@Injectable()
export class ProviderClient implements OnApplicationShutdown {
  readonly #agent: Agent;

  constructor(@Inject(ENV) env: Env) {
    this.#agent = new Agent({
      connect: guardedConnector({
        privateHosts: env.PROVIDERS_PRIVATE_HOSTS,
        setting: 'PROVIDERS_PRIVATE_HOSTS',
        timeoutMs: CONNECT_TIMEOUT_MS,
      }),
      // A call that waited for a connection would outlive its permit.
      connections: env.PROVIDERS_CONCURRENCY,
      pipelining: 1,
      keepAliveTimeout: 10_000,
      maxHeaderSize: MAX_HEADER_BYTES,
    });
  }

  call(request: ProviderRequest): Promise<ProviderAnswer> {
    return new Promise((resolve) => {
      const answer = new AnswerReader(request, resolve);
      try {
        this.#agent.dispatch(
          {
            origin: request.url.origin,
            path: request.url.pathname + request.url.search,
            method: 'POST',
            headers: {
              'content-type': 'application/json',
              accept: 'application/json',
              'idempotency-key': request.messageId,
            },
            body: JSON.stringify({ id: request.messageId, payload: request.payload }),
            headersTimeout: request.timeoutMs,
            bodyTimeout: request.timeoutMs,
          },
          answer,
        );
      } catch (error) {
        answer.fail(error as Error);
      }
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#agent.destroy();
  }
}

/** Follows one call. What it learns last counts only once: a late error after the end says nothing. */
class AnswerReader implements Dispatcher.DispatchHandler {
  readonly #resolve: (answer: ProviderAnswer) => void;
  readonly #beforeWrite: () => boolean;
  readonly #timer: NodeJS.Timeout;
  #controller: Dispatcher.DispatchController | undefined;
  #isWritten = false;
  #status: number | undefined;
  #headers: ProviderAnswer['headers'];
  #chunks: Buffer[] = [];
  #size = 0;
  #hasEnded = false;

  constructor(
    { timeoutMs, beforeWrite }: ProviderRequest,
    resolve: (answer: ProviderAnswer) => void,
  ) {
    this.#resolve = resolve;
    this.#beforeWrite = beforeWrite;
    this.#timer = setTimeout(() => {
      this.#abort(new CallError('timeout', `No whole answer within ${String(timeoutMs)} ms`));
    }, timeoutMs);
  }

  /** Called when a connection takes the request, right before its first byte. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#hasEnded) {
      controller.abort(new CallError('timeout', 'It waited too long for a connection'));
      return;
    }
    if (!this.#beforeWrite()) {
      controller.abort(new CallError('permit-lapsed', 'Its turn was over before it was written'));
      return;
    }
    this.#controller = controller;
    this.#isWritten = true;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
    if (Number(headers['content-length'] ?? 0) > MAX_ANSWER_BYTES) this.#abort(tooLarge());
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#size > MAX_ANSWER_BYTES) this.#abort(tooLarge());
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (this.#status === undefined) return;
    const body = Buffer.concat(this.#chunks).toString();
    this.#end(resultOf(this.#status, body));
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(error);
  }

  fail(error: Error): void {
    const { code = 'call-failed' } = error as { code?: string };
    const failed = { code: code.toLowerCase().replaceAll('_', '-'), message: error.message };
    if (!this.#isWritten) this.#end({ kind: 'unsent', ...failed });
    else if (error instanceof CallError && error.isFinal)
      this.#end({ kind: 'rejected', ...failed });
    else if (this.#status !== undefined && this.#status >= 400)
      this.#end(resultOf(this.#status, ''));
    else this.#end({ kind: 'unknown', ...failed });
  }

  #abort(error: CallError): void {
    this.fail(error);
    this.#controller?.abort(error);
  }

  #end(result: CallResult): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    this.#chunks = [];
    this.#resolve({ result, headers: this.#headers });
  }
}

class CallError extends Error {
  constructor(
    readonly code: string,
    message: string,
    /** The provider did answer, and would answer the same again. */
    readonly isFinal = false,
  ) {
    super(message);
  }
}

function tooLarge(): CallError {
  const limit = `${String(MAX_ANSWER_BYTES / 1024)} KiB`;
  return new CallError('answer-too-large', `The provider's answer is larger than ${limit}`, true);
}

function resultOf(status: number, body: string): CallResult {
  if (status === 429) return { kind: 'refused' };
  const about = `The provider answered ${String(status)}`;
  // A repetition met the call that it repeats, which is still at work.
  if (status === 409) return { kind: 'unknown', code: 'in-progress', message: about };
  if (status >= 500) return { kind: 'broken', code: 'provider-error', message: about };
  if (status >= 300) return { kind: 'rejected', code: 'provider-rejected', message: about };
  return answered(body);
}

/** An answer that cannot be read, or kept, is none; asking again would give the same. */
function answered(body: string): CallResult {
  const wrong = (message: string): CallResult => {
    return { kind: 'rejected', code: 'bad-answer', message };
  };
  if (isTooDeep(body)) return wrong('The answer is nested too deeply');
  try {
    return { kind: 'answered', response: body === '' ? null : (JSON.parse(body) as unknown) };
  } catch (error) {
    if (error instanceof SyntaxError) return wrong('The answer is not JSON');
    throw error;
  }
}
