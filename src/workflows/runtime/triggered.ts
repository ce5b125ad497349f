import { Injectable } from '@nestjs/common';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { DomainError } from '../../kernel/domain/domain-error.js';
import { type StartCommand, StartInstances } from '../commands/start-instances.js';
import type { News } from '../news.repository.js';
import type { ListeningTrigger } from '../trigger.repository.js';

/**
 * Starts what triggers ask for. Whoever has caused it did not ask for it, so what cannot be started fails nothing else:
 * the answer has those starts with their errors. Throws what passes, so that nothing is lost by a bad moment.
 */
@Injectable()
export class TriggeredStarts {
  constructor(private readonly mediator: Mediator) {}

  async begin(starts: readonly StartCommand[]): Promise<Map<StartCommand, DomainError>> {
    const outcomes = await this.mediator.executeMany(
      starts.map((start) => new StartInstances([start])),
    );
    const failed = new Map<StartCommand, DomainError>();
    starts.forEach((start, index) => {
      const outcome = outcomes[index];
      if (outcome instanceof DomainError) failed.set(start, outcome);
    });
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
