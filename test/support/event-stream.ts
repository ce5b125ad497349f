import { until } from './until.js';

export interface ServerSentEvent {
  readonly id: string;
  readonly event: string;
  readonly data: unknown;
}

/** A client of server-sent events, as a browser is one. */
export class EventStream {
  readonly events: ServerSentEvent[] = [];
  readonly #end = new AbortController();
  #reading: Promise<void> | undefined;

  /** Resolves when the stream has begun. */
  static async open(url: string, lastEventId?: string): Promise<EventStream> {
    const stream = new EventStream();
    const response = await fetch(url, {
      headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
      signal: stream.#end.signal,
    });
    if (!response.ok || !response.body)
      throw new Error(`The stream answers ${String(response.status)}`);
    stream.#reading = stream.#read(response.body);
    return stream;
  }

  /** Waits until one has come that has what the matcher has. */
  expect(matcher: object): Promise<ServerSentEvent> {
    return until(() => this.events.find((one) => isLike(one, matcher)), {
      what: `an event like ${JSON.stringify(matcher)} among ${JSON.stringify(this.events)}`,
    });
  }

  async close(): Promise<void> {
    this.#end.abort();
    await this.#reading;
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let text = '';
    try {
      for await (const chunk of body) {
        text += decoder.decode(chunk, { stream: true });
        const parts = text.split('\n\n');
        text = parts.pop() ?? '';
        this.events.push(...parts.flatMap(eventIn));
      }
    } catch (error) {
      if (!this.#end.signal.aborted) throw error;
    }
  }
}

function isLike(event: ServerSentEvent, matcher: object): boolean {
  try {
    expect(event).toMatchObject(matcher);
    return true;
  } catch {
    return false;
  }
}

function eventIn(part: string): ServerSentEvent[] {
  const fields = new Map(
    part
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  );
  const [id, event, data] = ['id', 'event', 'data'].map((name) => fields.get(name));
  if (id === undefined || event === undefined || data === undefined) return [];
  return [{ id, event, data: JSON.parse(data) as unknown }];
}
