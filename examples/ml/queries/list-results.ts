import { Query } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../../src/kernel/cqrs/handles.js';
import { Database } from '../../../src/kernel/persistence/database.js';
import type { ResultList } from '../results.dto.js';

/** The latest first. */
export class ListResults extends Query<ResultList> {
  constructor(readonly limit: number) {
    super();
  }
}

@Handles(ListResults)
export class ListResultsHandler implements Handler<ListResults> {
  constructor(private readonly database: Database) {}

  async execute({ limit }: ListResults): Promise<ResultList> {
    const items = await this.database.query<ResultList['items'][number]>(
      `select kind, result, recorded_at from ml_audit.result order by seq desc limit $1`,
      [limit],
    );
    return { items };
  }
}
