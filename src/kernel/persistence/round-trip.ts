import pg from 'pg';
import { toWire } from './parameters.js';

export interface Statement {
  readonly sql: string;
  readonly parameters?: readonly unknown[];
}

export type Answer = pg.QueryResult<object>;

/** What the driver's connection writes; its types leave it out. */
interface Wire {
  parse(message: { text: string }): void;
  bind(message: { values: readonly unknown[] }): void;
  describe(message: { type: 'P' }): void;
  execute(message: object): void;
  sync(): void;
}

/**
 * Several statements in one write and one answer, with one synchronisation point behind them all: the first that fails
 * keeps Postgres from running those after it. (The driver's pipeline mode has such a point behind each statement, so
 * that what follows a failed BEGIN would commit by itself.)
 */
export class RoundTrip extends pg.Query {
  /** For spans: all statements, without their parameters. */
  readonly text: string;
  readonly #messages: readonly { readonly text: string; readonly values: readonly unknown[] }[];

  constructor(statements: readonly Statement[]) {
    const text = statements.map((statement) => statement.sql).join('; ');
    super({ text, values: [true] }); // any value: it makes the driver call `prepare`
    this.text = text;
    this.#messages = statements.map(({ sql, parameters = [] }) => ({
      text: sql,
      values: toWire(parameters),
    }));
  }

  /** Resolves to one answer per statement. Rejects with the driver's error for the first that failed. */
  sendOver(client: pg.ClientBase): Promise<Answer[]> {
    return new Promise((resolve, reject) => {
      const callback = (error: Error | null, answers: Answer | Answer[]): void => {
        if (error) reject(error);
        else resolve(Array.isArray(answers) ? answers : [answers]);
      };
      (client.query as (query: RoundTrip, done: typeof callback) => void)(this, callback);
    });
  }

  /** Called by the driver; its own sends a single statement. */
  prepare(wire: Wire): void {
    for (const message of this.#messages) {
      wire.parse(message);
      wire.bind(message);
      wire.describe({ type: 'P' });
      wire.execute({});
    }
    wire.sync();
  }
}
