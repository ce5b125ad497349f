import type { Problem } from '../../src/kernel/http/problem.js';

export interface Answer<Body> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

type Sent = Readonly<Record<string, string>>;

/**
 * The API as a client sees it: JSON both ways, a text or a Buffer is sent as it is. Every answer of 4xx and 5xx must be
 * `application/problem+json`, else the call fails.
 */
export class HttpClient {
  constructor(readonly url: string) {}

  get<Body = unknown>(path: string, headers: Sent = {}): Promise<Answer<Body>> {
    return this.#request<Body>(path, { headers });
  }

  post<Body = unknown>(path: string, body?: unknown, headers: Sent = {}): Promise<Answer<Body>> {
    const raw = typeof body === 'string' || Buffer.isBuffer(body);
    return this.#request<Body>(path, {
      method: 'POST',
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: raw ? body : JSON.stringify(body) }),
    });
  }

  delete(path: string): Promise<Answer<unknown>> {
    return this.#request(path, { method: 'DELETE' });
  }

  /** Any method; a body is sent as JSON. */
  send<Body = unknown>(
    method: string,
    path: string,
    { body, headers = {} }: { body?: unknown; headers?: Sent } = {},
  ): Promise<Answer<Body>> {
    const type = { 'content-type': 'application/json' };
    return this.#request<Body>(path, {
      method,
      headers: { ...(body === undefined ? {} : type), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  async #request<Body>(path: string, init: RequestInit): Promise<Answer<Body>> {
    const headers = { connection: 'close', ...(init.headers as Sent) };
    const response = await fetch(new URL(path, this.url), { ...init, headers });
    const type = response.headers.get('content-type') ?? '';
    const text = await response.text();
    if (response.status >= 400 && !type.startsWith('application/problem+json')) {
      throw new Error(`${path} answered ${String(response.status)} as "${type}": ${text}`);
    }
    const body = (type.includes('json') ? JSON.parse(text) : text) as Body;
    return { status: response.status, headers: response.headers, body };
  }
}

/** The answer as the problem that it must be. */
export function problemIn(answer: Answer<unknown>): Problem {
  expect(answer.headers.get('content-type')).toContain('application/problem+json');
  return answer.body as Problem;
}
