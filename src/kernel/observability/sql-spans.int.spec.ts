import pg from 'pg';
import { testDatabase } from '../../../test/support/services.js';
import type { Lease } from '../../../test/support/services.js';
import { createDataSource } from '../persistence/data-source.js';
import { tracePostgres } from './sql-spans.js';
import type { InSpan } from './sql-spans.js';
import { continueTrace, runWithContext } from './trace-context.js';

interface Opened {
  name: string;
  text: unknown;
  failed?: boolean;
}

let database: Lease;
let opened: Opened[];
let restore: () => void;

/** Stands where the exporter would, to see which spans are asked for. */
const recording: InSpan = async (name, _kind, attributes, fn) => {
  const span: Opened = { name, text: attributes['db.query.text'] };
  opened.push(span);
  try {
    return await fn();
  } catch (error) {
    span.failed = true;
    throw error;
  }
};

beforeAll(async () => {
  database = await testDatabase({ template: 'empty' });
});
afterAll(() => database.release());
beforeEach(() => {
  opened = [];
  restore = tracePostgres(recording);
});
afterEach(() => restore());

const inTrace = <T>(fn: () => Promise<T>) => runWithContext(continueTrace(), fn);

describe('statements of a request', () => {
  it('are spans that hold the text, never a parameter', async () => {
    const source = await createDataSource({ url: database.url }).initialize();
    const rows = await inTrace(() => source.query<unknown>('select $1::text as v', ['cAnary']));
    await source.destroy();
    expect(rows).toEqual([{ v: 'cAnary' }]);
    expect(opened).toContainEqual({ name: 'SELECT', text: 'select $1::text as v' });
    expect(JSON.stringify(opened)).not.toContain('cAnary');
  });

  it('fail as they would without spans, by promise and by callback', async () => {
    const client = new pg.Client(database.url);
    await client.connect();
    await expect(inTrace(() => client.query('select broken'))).rejects.toMatchObject({
      code: '42703',
    });
    const byCallback = inTrace(
      () => new Promise((resolve) => client.query('select worse', (error) => resolve(error))),
    );
    expect(await byCallback).toMatchObject({ code: '42703' });
    await client.end();
    expect(opened.map(({ failed }) => failed)).toEqual([true, true]);
  });

  it('answer callbacks as they would without spans', async () => {
    const client = new pg.Client(database.url);
    await client.connect();
    const rows = await inTrace(
      () =>
        new Promise((resolve) =>
          client.query({ text: 'select 1 as one' }, (_error, result) => resolve(result.rows)),
        ),
    );
    await client.end();
    expect(rows).toEqual([{ one: 1 }]);
    expect(opened).toHaveLength(1);
  });
});

it('statements of no request are no spans', async () => {
  const client = new pg.Client(database.url);
  await client.connect();
  await client.query('select 1');
  await client.end();
  expect(opened).toEqual([]);
});

it('the driver is as before once tracing stops', () => {
  const traced = pg.Client.prototype.query;
  restore();
  expect(pg.Client.prototype.query).not.toBe(traced);
});
