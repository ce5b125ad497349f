import pg from 'pg';
import { toWire } from './parameters.js';

export interface Statement {
  readonly sql: string;
  readonly parameters?: readonly unknown[];
  /**
   * Parsed and planned once per connection. Only for statements with one possible plan: a plan that was made for an empty
   * table would still be used when the table is large.
   */
  readonly isPrepared?: boolean;
  /** Its answer has rows for the caller. Default: true. */
  readonly hasRows?: boolean;
}

interface Message {
  readonly text: string;
  /** Empty: not prepared. */
  readonly name: string;
  readonly values: readonly unknown[];
  readonly hasRows: boolean;
}

export type Answer = pg.QueryResult<object>;

/** What the driver's connection writes; its types leave it out. */
interface Wire {
  close(message: { type: 'S'; name: string }): void;
  parse(message: { text: string; name: string }): void;
  bind(message: { statement: string; values: readonly unknown[] }): void;
  describe(message: { type: 'P' }): void;
  execute(message: object): void;
  sync(): void;
}

const MAX_NAME_BYTES = 63;
/** Names of prepared statements with longer texts; there are as many as the program has of them. */
const names = new Map<string, string>();
/** What a connection has prepared for sure. */
const preparedOn = new WeakMap<Wire, Set<string>>();

/**
 * Several statements in one write and one answer, with one synchronisation point behind them all: the first that fails
 * keeps Postgres from running those after it. (The driver's pipeline mode has such a point behind each statement, so
 * that what follows a failed BEGIN would commit by itself.)
 */
export class RoundTrip extends pg.Query {
  /** For spans: all statements, without their parameters. */
  readonly text: string;
  readonly #messages: readonly Message[];
  #prepared: Set<string> | undefined;

  constructor(statements: readonly Statement[]) {
    const text = statements.map((statement) => statement.sql).join('; ');
    super({ text, values: [true] }); // any value: it makes the driver call `prepare`
    this.text = text;
    this.#messages = statements.map(
      ({ sql, parameters = [], isPrepared = false, hasRows = true }) => ({
        text: sql,
        hasRows,
        name: isPrepared ? nameOf(sql) : '',
        values: toWire(parameters),
      }),
    );
  }

  /** Resolves to one answer per statement. Rejects with the driver's error for the first that failed. */
  sendOver(client: pg.ClientBase): Promise<Answer[]> {
    return new Promise((resolve, reject) => {
      const callback = (error: Error | null, answers: Answer | Answer[]): void => {
        if (error) this.#doubtPrepared();
        if (error) reject(error);
        else resolve(Array.isArray(answers) ? answers : [answers]);
      };
      (client.query as (query: RoundTrip, done: typeof callback) => void)(this, callback);
    });
  }

  /** Called by the driver; its own sends a single statement. */
  prepare(wire: Wire): void {
    const prepared = preparedOn.get(wire) ?? new Set();
    preparedOn.set(wire, prepared);
    this.#prepared = prepared;
    for (const { text, name, values, hasRows } of this.#messages) {
      if (!prepared.has(name)) {
        // A trip that failed may have come as far as preparing it. To close one that does not exist is no error.
        if (name !== '') wire.close({ type: 'S', name });
        wire.parse({ text, name });
        if (name !== '') prepared.add(name);
      }
      wire.bind({ statement: name, values });
      if (hasRows) wire.describe({ type: 'P' });
      wire.execute({});
    }
    wire.sync();
  }

  /** What stood behind the failed statement was skipped, its preparation included. */
  #doubtPrepared(): void {
    for (const { name } of this.#messages) this.#prepared?.delete(name);
  }
}

/** A short text is its own name, as in the logs of Postgres; it knows only the first 63 bytes of a name. */
function nameOf(text: string): string {
  if (Buffer.byteLength(text) <= MAX_NAME_BYTES) return text;
  const known = names.get(text);
  if (known !== undefined) return known;
  const name = `millrace_${String(names.size + 1)}`;
  names.set(text, name);
  return name;
}
