import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../../src/kernel/cqrs/handles.js';
import { ResultRepository } from '../result.repository.js';
import type { ResultKind } from '../results.dto.js';

export class RecordResult extends Command<void> {
  constructor(
    readonly kind: ResultKind,
    readonly result: object,
  ) {
    super();
  }
}

@Handles(RecordResult)
export class RecordResultHandler implements Handler<RecordResult> {
  constructor(private readonly results: ResultRepository) {}

  async execute({ kind, result }: RecordResult): Promise<void> {
    await this.results.add(kind, result);
  }
}
