import { join } from 'node:path';
import type { Bench } from './bench.ts';
import type { Program } from './program.ts';
import { connectTo } from './services.ts';

/** One process of everything, which takes orders about workflows. */
export const startWorkflows = (bench: Bench): Promise<Program> =>
  bench.start({
    name: 'all-roles',
    roles: 'api,worker,relay,scheduler',
    file: join(import.meta.dirname, 'workflows-program.ts'),
    ordered: true,
  });

/** Nodes behind a start, one after the other, as a published workflow. */
export async function publishChain(
  program: Program,
  key: string,
  nodes: readonly object[],
): Promise<void> {
  const all = [{ id: 'start', type: 'start' }, ...nodes] as { id: string }[];
  const flows = all.slice(1).map((node, i) => ({ from: all[i]?.id, to: node.id }));
  await publish(program, { key, nodes: all, flows });
}

export interface Draft {
  readonly key: string;
  readonly nodes: readonly { readonly id: string; readonly [attribute: string]: unknown }[];
  readonly flows: readonly object[];
}

export async function publish(program: Program, draft: Draft): Promise<void> {
  await send(program, 'PUT', `workflows/${draft.key}/draft`, draft);
  await send(program, 'POST', `workflows/${draft.key}/draft/publish`);
}

/** Throws at any answer that is no success. */
export async function send(
  program: Program,
  method: string,
  path: string,
  body?: object,
): Promise<unknown> {
  const answer = await fetch(`${program.url}/${path}`, {
    method,
    ...(body && {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
  return answer.json();
}

/** Has so many instances more wait for a message: one is started, and copied, what it waits for and its history, too. */
export async function park({ databaseUrl }: Bench, program: Program, count: number): Promise<void> {
  if (count === 0) return;
  const key = `parked-${count}`;
  const message = { name: 'never', key: '=instance.id' };
  await publishChain(program, key, [{ id: 'wait', type: 'wait', message, final: true }]);
  await send(program, 'POST', 'workflow-instances', { workflow: key });
  const database = await connectTo(databaseUrl);
  try {
    for (const statement of [
      // Of the same millisecond: as old as instances are that were started before all others.
      `create temporary table copy as
       select id as original, overlay(gen_random_uuid()::text placing left(id::text, 15) from 1 for 15)::uuid as copy
       from workflows.instance cross join generate_series(2, ${count}) where key = '${key}'`,
      `insert into workflows.instance
       select (jsonb_populate_record(i, jsonb_build_object('id', copy))).* from copy
       join workflows.instance i on i.id = original`,
      `insert into workflows.subscription
       select copy, token, slot, kind, name, copy::text from copy
       join workflows.subscription on instance_id = original`,
      `insert into workflows.history
       select (jsonb_populate_record(h, jsonb_build_object('instance_id', copy))).* from copy
       join workflows.history h on h.instance_id = original`,
      `drop table copy`,
      `vacuum analyze workflows.instance, workflows.subscription, workflows.history`,
      `checkpoint`,
    ])
      await database.query(statement);
  } finally {
    await database.end();
  }
}
