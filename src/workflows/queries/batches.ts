import { Query } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { decodeCursor, type Page, page } from '../../kernel/http/pages.js';
import { uuidParam } from '../../kernel/http/shapes.js';
import { Database } from '../../kernel/persistence/database.js';
import { BatchNotFound } from '../domain/batch.errors.js';
import type {
  BatchFailureView,
  BatchView,
  ListBatchesRequest,
  ListBatchFailuresRequest,
} from '../workflow-batches.dto.js';

/** Throws `BatchNotFound`. */
export class GetBatch extends Query<BatchView> {
  constructor(readonly id: string) {
    super();
  }
}

@Handles(GetBatch)
export class GetBatchHandler implements Handler<GetBatch> {
  constructor(private readonly database: Database) {}

  async execute({ id }: GetBatch): Promise<BatchView> {
    const [row] = await this.database.query<BatchView>(
      'select * from workflows.batch where id = $1',
      [id],
    );
    if (!row) throw new BatchNotFound(id);
    return row;
  }
}

/** Newest first. Throws `ValidationError` for a broken cursor. */
export class ListBatches extends Query<Page<BatchView>> {
  constructor(readonly request: ListBatchesRequest) {
    super();
  }
}

@Handles(ListBatches)
export class ListBatchesHandler implements Handler<ListBatches> {
  constructor(private readonly database: Database) {}

  async execute({ request: { limit, cursor, status } }: ListBatches): Promise<Page<BatchView>> {
    const before = cursor === undefined ? null : decodeCursor(uuidParam, cursor);
    const rows = await this.database.query<BatchView>(
      `select * from workflows.batch where ($1::uuid is null or id < $1) and ($2::text is null or status = $2)
       order by id desc limit $3`,
      [before, status ?? null, limit + 1],
    );
    return page(rows, limit, ({ id }) => id);
  }
}

/** Instances in which it failed, with the reasons. Throws `BatchNotFound`, and `ValidationError` for a broken cursor. */
export class ListBatchFailures extends Query<Page<BatchFailureView>> {
  constructor(
    readonly id: string,
    readonly request: ListBatchFailuresRequest,
  ) {
    super();
  }
}

@Handles(ListBatchFailures)
export class ListBatchFailuresHandler implements Handler<ListBatchFailures> {
  constructor(private readonly database: Database) {}

  async execute({ id, request }: ListBatchFailures): Promise<Page<BatchFailureView>> {
    const { limit, cursor } = request;
    const after = cursor === undefined ? null : decodeCursor(uuidParam, cursor);
    const rows = await this.database.query<BatchFailureView>(
      `select instance_id, problems from workflows.batch_failure
       where batch_id = $1 and ($2::uuid is null or instance_id > $2) order by instance_id limit $3`,
      [id, after, limit + 1],
    );
    if (rows.length === 0) await this.#expectBatch(id);
    return page(rows, limit, ({ instance_id: last }) => last);
  }

  async #expectBatch(id: string): Promise<void> {
    const found = await this.database.query('select from workflows.batch where id = $1', [id]);
    if (found.length === 0) throw new BatchNotFound(id);
  }
}
