import { Query } from '@nestjs/cqrs';
import { z } from 'zod';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { decodeCursor, type Page, page } from '../../kernel/http/pages.js';
import { uuidParam } from '../../kernel/http/shapes.js';
import { ValidationError } from '../../kernel/http/validation.js';
import { Database } from '../../kernel/persistence/database.js';
import { InstanceNotFound } from '../domain/workflow.errors.js';
import { restoreState, ROOT, type StoredState, type Token } from '../engine/state.js';
import type {
  HistoryEntry,
  HistoryRequest,
  InstanceView,
  ListInstancesRequest,
  PositionView,
} from '../workflow-instances.dto.js';

const VIEW = `id, key as workflow, version, status, business_key, start_key, parent_id, state->'variables' as variables,
  outcome, error, incidents, (state->>'paused')::boolean as paused, started_at, updated_at, ended_at`;

/** Throws `InstanceNotFound`. */
export class GetInstance extends Query<InstanceView> {
  constructor(readonly id: string) {
    super();
  }
}

@Handles(GetInstance)
export class GetInstanceHandler implements Handler<GetInstance> {
  constructor(private readonly database: Database) {}

  async execute({ id }: GetInstance): Promise<InstanceView> {
    const [row] = await this.database.query<InstanceView>(
      `select ${VIEW} from workflows.instance where id = $1`,
      [id],
    );
    if (!row) throw new InstanceNotFound(id);
    return row;
  }
}

const HAS_VARIABLE = `id in (select instance_id from workflows.instance_variable
  where key = ? and name = ? and value = ?)`;

/** Newest first. Throws `ValidationError` for a broken cursor, and for variables that are not declared as indexes. */
export class ListInstances extends Query<Page<InstanceView>> {
  constructor(readonly request: ListInstancesRequest) {
    super();
  }
}

@Handles(ListInstances)
export class ListInstancesHandler implements Handler<ListInstances> {
  constructor(private readonly database: Database) {}

  async execute({ request }: ListInstances): Promise<Page<InstanceView>> {
    const { limit, cursor, workflow, variable: searched } = request;
    if (searched.length > 0) await this.#expectIndexes(workflow ?? '', searched);
    const before = cursor === undefined ? undefined : decodeCursor(uuidParam, cursor);
    const parameters: unknown[] = [];
    const conditions = ['true'];
    const add = (condition: string, ...values: unknown[]): void => {
      if (values.some((value) => value === undefined)) return;
      const texts = condition.split('?');
      const places = values.map((value) => `$${String(parameters.push(value))}`);
      conditions.push(texts.map((text, index) => `${text}${places[index] ?? ''}`).join(''));
    };
    add('key = ?', workflow);
    add('status = ?', request.status);
    add('business_key = ?', request.business_key);
    add('parent_id = ?', request.parent_id);
    add('id < ?', before);
    for (const { name, value } of searched) add(HAS_VARIABLE, workflow, name, value);
    const rows = await this.database.query<InstanceView>(
      `select ${VIEW} from workflows.instance where ${conditions.join(' and ')}
       order by id desc limit $${String(parameters.push(limit + 1))}`,
      parameters,
    );
    return page(rows, limit, ({ id }) => id);
  }

  /** What is not declared is not found, and nobody should take that for an answer. */
  async #expectIndexes(
    workflow: string,
    searched: ListInstancesRequest['variable'],
  ): Promise<void> {
    const [row] = await this.database.query<{ indexes: readonly string[] | null }>(
      `select v.definition->'indexes' as indexes from workflows.workflow w
       join workflows.workflow_version v on v.key = w.key and v.version = w.latest where w.key = $1`,
      [workflow],
    );
    const indexes = row?.indexes ?? [];
    const unknown = searched.filter(({ name }) => !indexes.includes(name));
    if (unknown.length === 0) return;
    const names = unknown.map(({ name }) => name).join(', ');
    const message = `${names}: not among the indexes of ${workflow}, which are: ${indexes.join(', ') || 'none'}`;
    throw new ValidationError('query', [{ field: 'query.variable', message }]);
  }
}

/** What was decided, first to last. Throws `InstanceNotFound`, and `ValidationError` for a broken cursor. */
export class GetHistory extends Query<Page<HistoryEntry>> {
  constructor(
    readonly id: string,
    readonly request: HistoryRequest,
  ) {
    super();
  }
}

@Handles(GetHistory)
export class GetHistoryHandler implements Handler<GetHistory> {
  constructor(private readonly database: Database) {}

  async execute({ id, request: { limit, cursor } }: GetHistory): Promise<Page<HistoryEntry>> {
    const after = cursor === undefined ? 0 : decodeCursor(z.int(), cursor);
    const rows = await this.database.query<HistoryEntry>(
      `select seq, at, command, events from workflows.history
       where instance_id = $1 and seq > $2 and exists (select from workflows.instance where id = $1)
       order by seq limit $3`,
      [id, after, limit + 1],
    );
    if (rows.length === 0) await stateOf(this.database, id);
    return page(rows, limit, ({ seq }) => seq);
  }
}

/** Where its tokens are. Throws `InstanceNotFound`. */
export class GetPositions extends Query<readonly PositionView[]> {
  constructor(readonly id: string) {
    super();
  }
}

@Handles(GetPositions)
export class GetPositionsHandler implements Handler<GetPositions> {
  constructor(private readonly database: Database) {}

  async execute({ id }: GetPositions): Promise<readonly PositionView[]> {
    const { tokens } = restoreState(await stateOf(this.database, id));
    return [...tokens.values()].filter((token) => token.id !== ROOT).map(toPosition);
  }
}

const toPosition = ({ id, node, scope, status, wait, timers, incident }: Token): PositionView => ({
  token: id,
  node,
  inside: scope,
  status,
  waits_for: wait?.for ?? null,
  timers: Object.fromEntries(
    Object.entries(timers ?? {}).map(([timer, at]) => [timer, new Date(at).toISOString()]),
  ),
  incident: incident ?? null,
});

async function stateOf(database: Database, id: string): Promise<StoredState> {
  const [row] = await database.query<{ state: StoredState }>(
    `select state from workflows.instance where id = $1`,
    [id],
  );
  if (!row) throw new InstanceNotFound(id);
  return row.state;
}
