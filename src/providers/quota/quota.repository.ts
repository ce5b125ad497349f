import type { Database } from '../../kernel/persistence/database.js';
import type { UnitOfWork } from '../../kernel/persistence/unit-of-work.js';
import { type Book, newBook } from './engine/book.js';
import type { Exchange, Quota, QuotaAnswer, QuotaState, Recovered } from './engine/quota.js';
import { stateOf, step } from './engine/step.js';
import { QuotaStore } from './quota-store.js';
import { answerFromWire, stateOfNoBook } from './quota-wire.js';

const NOW = `floor(extract(epoch from clock_timestamp()) * 1000)::float8 as now`;

/**
 * The books in Postgres, one row each. An exchange is a short transaction of two round trips that locks the row of its
 * provider, so exchanges of one provider pass one after the other. Not to be called in a Unit of Work, whose end it
 * would wait for.
 */
export class QuotaRepository extends QuotaStore {
  constructor(
    private readonly database: Database,
    private readonly unitOfWork: UnitOfWork,
  ) {
    super();
  }

  override exchange(exchange: Exchange): Promise<QuotaAnswer> {
    const { providerId } = exchange.quota;
    return this.unitOfWork.run(async () => {
      // The clock is read when the lock is had, not when it is asked for.
      const [row] = await this.unitOfWork.query<{ book: Book; now: number }>(
        `with locked as materialized (
           select book from providers.quota_book where provider_id = $1 for update)
         select book, ${NOW} from locked`,
        [providerId],
      );
      if (!row) return answerFromWire(null);
      const answer = step(row.book, exchange, row.now);
      this.unitOfWork.deferInsert(
        `update providers.quota_book set book = $2::jsonb where provider_id = $1`,
        [providerId, row.book],
      );
      return answer;
    });
  }

  override async restore(quota: Quota, recovered: Recovered | undefined): Promise<void> {
    const [row] = await this.database.query<{ now: number }>(`select ${NOW}`);
    const book = newBook(quota, recovered, row?.now ?? Infinity);
    await this.database.query(
      `insert into providers.quota_book (provider_id, book) values ($1, $2) on conflict do nothing`,
      [quota.providerId, book],
    );
  }

  override async look(quotas: readonly Quota[]): Promise<QuotaState[]> {
    const rows = await this.database.query<{ id: string; book: Book; now: number }>(
      `select provider_id as id, book, ${NOW} from providers.quota_book where provider_id = any($1)`,
      [quotas.map(({ providerId }) => providerId)],
    );
    const found = new Map(rows.map((row) => [row.id, row]));
    return quotas.map((quota) => {
      const row = found.get(quota.providerId);
      return row ? stateOf(row.book, quota, row.now) : stateOfNoBook(quota);
    });
  }

  override async forget(providerIds: readonly string[]): Promise<void> {
    await this.database.query(`delete from providers.quota_book where provider_id = any($1)`, [
      providerIds,
    ]);
  }
}
