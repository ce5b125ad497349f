import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../../src/kernel/persistence/unit-of-work.js';
import type { ResultKind } from './results.dto.js';

@Injectable()
export class ResultRepository {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  async add(kind: ResultKind, result: object): Promise<void> {
    await this.unitOfWork.query('insert into ml_audit.result (kind, result) values ($1, $2)', [
      kind,
      result,
    ]);
  }
}
