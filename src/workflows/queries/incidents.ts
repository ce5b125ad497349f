import { Query } from '@nestjs/cqrs';
import { z } from 'zod';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { decodeCursor, type Page, page } from '../../kernel/http/pages.js';
import { uuidParam } from '../../kernel/http/shapes.js';
import { Database } from '../../kernel/persistence/database.js';
import { incidentConditions } from '../incident.repository.js';
import type { IncidentView, ListIncidentsRequest } from '../workflow-incidents.dto.js';

const cursorKey = z.tuple([uuidParam, z.int()]);

/** Those of the oldest instance first. Throws `ValidationError` for a broken cursor. */
export class ListIncidents extends Query<Page<IncidentView>> {
  constructor(readonly request: ListIncidentsRequest) {
    super();
  }
}

@Handles(ListIncidents)
export class ListIncidentsHandler implements Handler<ListIncidents> {
  constructor(private readonly database: Database) {}

  async execute({ request }: ListIncidents): Promise<Page<IncidentView>> {
    const { limit, cursor } = request;
    const parameters: unknown[] = [limit + 1];
    const conditions = incidentConditions(request, parameters);
    if (cursor !== undefined) {
      const [id, token] = decodeCursor(cursorKey, cursor);
      const first = parameters.push(id, token) - 1;
      conditions.push(`(instance_id, token) > ($${String(first)}, $${String(first + 1)})`);
    }
    const rows = await this.database.query<IncidentView>(
      `select instance_id, token, key as workflow, version, node, code, message, raised_at
       from workflows.incident where ${['true', ...conditions].join(' and ')}
       order by instance_id, token limit $1`,
      parameters,
    );
    return page(rows, limit, ({ instance_id: id, token }) => [id, token]);
  }
}
