import { Injectable } from '@nestjs/common';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { DomainError } from '../../kernel/domain/domain-error.js';
import { type StartCommand, StartInstances } from '../commands/start-instances.js';
import type { News } from '../news.repository.js';
import type { ListeningTrigger } from '../trigger.repository.js';

/**
 * Starts what triggers ask for. Whoever has caused it did not ask for it, so what cannot be started fails nothing else:
 * the answer has those starts with their errors. Those of one workflow are started together or not at all.
 */
@Injectable()
export class TriggeredStarts {
  constructor(private readonly mediator: Mediator) {}

  async begin(starts: readonly StartCommand[]): Promise<Map<StartCommand, DomainError>> {
    const failed = new Map<StartCommand, DomainError>();
    for (const together of Map.groupBy(starts, ({ workflow }) => workflow).values()) {
      try {
        await this.mediator.execute(new StartInstances(together));
      } catch (error) {
        if (!(error instanceof DomainError)) throw error;
        for (const start of together) failed.set(start, error);
      }
    }
    return failed;
  }
}

/** An instance of what listens, with the data of what has come, and found by its key. */
export const startOf = (
  { key, version, node }: Pick<ListeningTrigger, 'key' | 'version' | 'node'>,
  { key: about, data }: Pick<News, 'key' | 'data'>,
): StartCommand => ({
  workflow: `${key}@${String(version)}`,
  node,
  variables: {},
  data,
  ...(about !== null && { business_key: about }),
});
