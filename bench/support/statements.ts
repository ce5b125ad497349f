import { query } from '../../scripts/services/postgres.ts';

/** Makes Postgres add up what each statement of this database costs; its library must have been loaded at its start. */
export async function watchStatements(databaseUrl: string): Promise<void> {
  await query(databaseUrl, 'create extension pg_stat_statements');
}

/** The statements that took Postgres longest, one line each. */
export async function costliestStatements(databaseUrl: string, count = 12): Promise<string[]> {
  const rows = await query<{ text: string; calls: number; ms: number; rows: number; hits: number }>(
    databaseUrl,
    `select regexp_replace(query, '\\s+', ' ', 'g') as text, calls::int, total_exec_time as ms, rows::int,
            (shared_blks_hit + shared_blks_read)::int as hits
     from pg_stat_statements where dbid = (select oid from pg_database where datname = current_database())
     order by total_exec_time desc limit ${count}`,
  );
  return [
    '       ms    calls  ms/call   rows/call  pages/call',
    ...rows.map((row) => {
      const numbers = [
        row.ms.toFixed(0).padStart(9),
        String(row.calls).padStart(8),
        (row.ms / row.calls).toFixed(2).padStart(8),
        (row.rows / row.calls).toFixed(1).padStart(11),
        (row.hits / row.calls).toFixed(0).padStart(11),
      ];
      return `${numbers.join(' ')}  ${row.text.slice(0, 110)}`;
    }),
  ];
}
