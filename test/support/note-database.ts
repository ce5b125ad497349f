import type { DataSource } from 'typeorm';
import { createDataSource } from '../../src/kernel/persistence/data-source.js';
import { Database } from '../../src/kernel/persistence/database.js';
import { UnitOfWork } from '../../src/kernel/persistence/unit-of-work.js';
import { type Lease, testDatabase } from './services.js';

/** A database with a table `note (text, tx)`, in which `tx` is the transaction that wrote the row. */
export class NoteDatabase {
  readonly unitOfWork: UnitOfWork;
  readonly database: Database;

  private constructor(
    private readonly lease: Lease,
    readonly dataSource: DataSource,
  ) {
    this.unitOfWork = new UnitOfWork(dataSource);
    this.database = new Database(dataSource, this.unitOfWork);
  }

  static async open(poolSize: number): Promise<NoteDatabase> {
    const lease = await testDatabase({ template: 'empty' });
    const dataSource = await createDataSource({ url: lease.url, poolSize }).initialize();
    const notes = new NoteDatabase(lease, dataSource);
    await notes.database.query(
      'create table note (text text primary key, tx bigint default txid_current())',
    );
    return notes;
  }

  get url(): string {
    return this.lease.url;
  }

  async expectNoTransactions(): Promise<void> {
    const open = await this.database.query(
      `select query from pg_stat_activity where state like 'idle in transaction%' and datname = current_database()`,
    );
    expect(open).toEqual([]);
  }

  async release(): Promise<void> {
    await this.dataSource.destroy();
    await this.lease.release();
  }
}
