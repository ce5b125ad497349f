import { Query } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Database } from '../../kernel/persistence/database.js';
import type { TriggerView } from '../workflows.dto.js';
import { expectWorkflow } from './versions.js';

/** Of the latest version, by node. Throws `WorkflowNotFound`. */
export class ListTriggers extends Query<readonly TriggerView[]> {
  constructor(readonly key: string) {
    super();
  }
}

@Handles(ListTriggers)
export class ListTriggersHandler implements Handler<ListTriggers> {
  constructor(private readonly database: Database) {}

  async execute({ key }: ListTriggers): Promise<readonly TriggerView[]> {
    const rows = await this.database.query<TriggerView>(
      `select node, version, kind, name, message_key as key, next_at, last_error
       from workflows.start_trigger where key = $1 order by node`,
      [key],
    );
    if (rows.length === 0) await expectWorkflow(this.database, key);
    return rows;
  }
}
