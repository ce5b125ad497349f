import { Query } from '@nestjs/cqrs';
import { z } from 'zod';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { decodeCursor, type Page, page } from '../../kernel/http/pages.js';
import { uuidParam } from '../../kernel/http/shapes.js';
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

/** Newest first. Throws `ValidationError` for a broken cursor. */
export class ListInstances extends Query<Page<InstanceView>> {
  constructor(readonly request: ListInstancesRequest) {
    super();
  }
}

@Handles(ListInstances)
export class ListInstancesHandler implements Handler<ListInstances> {
  constructor(private readonly database: Database) {}

  async execute({ request }: ListInstances): Promise<Page<InstanceView>> {
    const { limit, cursor } = request;
    const before = cursor === undefined ? undefined : decodeCursor(uuidParam, cursor);
    const filters: [condition: string, value: unknown][] = [
      ['key = ?', request.workflow],
      ['status = ?', request.status],
      ['business_key = ?', request.business_key],
      ['parent_id = ?', request.parent_id],
      ['id < ?', before],
    ];
    const given = filters.filter(([, value]) => value !== undefined);
    const conditions = given.map(([text], index) => text.replace('?', `$${String(index + 1)}`));
    const rows = await this.database.query<InstanceView>(
      `select ${VIEW} from workflows.instance where ${['true', ...conditions].join(' and ')}
       order by id desc limit $${String(given.length + 1)}`,
      [...given.map(([, value]) => value), limit + 1],
    );
    return page(rows, limit, ({ id }) => id);
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
       where instance_id = $1 and seq > $2 order by seq limit $3`,
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
