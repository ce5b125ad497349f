import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { toWire } from './parameters.js';
import { UnitOfWork } from './unit-of-work.js';

/** Reads: the SQL of queries runs in the open Unit of Work if there is one, else on a pooled connection. */
@Injectable()
export class Database {
  constructor(
    private readonly dataSource: DataSource,
    private readonly unitOfWork: UnitOfWork,
  ) {}

  async query<Row extends object>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    if (this.unitOfWork.isOpen) return this.unitOfWork.query<Row>(sql, parameters);
    await using runner = this.dataSource.createQueryRunner();
    const result = await runner.query(sql, toWire(parameters), true);
    return result.records as Row[];
  }
}
