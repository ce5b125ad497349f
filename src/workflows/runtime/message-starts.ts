import { Injectable } from '@nestjs/common';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { UnitOfWork } from '../../kernel/persistence/unit-of-work.js';
import { StartInstances } from '../commands/start-instances.js';
import type { WorkflowDraft } from '../definition/draft.js';
import { DefinitionRepository, type Runnables } from '../definition.repository.js';
import type { News } from '../news.repository.js';
import { type ListeningTrigger, TriggerRepository } from '../trigger.repository.js';

/** Starts instances by messages that nobody waits for. The names of the messages must be locked. */
@Injectable()
export class MessageStarts {
  constructor(
    private readonly mediator: Mediator,
    private readonly definitions: DefinitionRepository,
    private readonly triggers: TriggerRepository,
    private readonly unitOfWork: UnitOfWork,
  ) {}

  /**
   * Answers the messages that have started an instance, each one: of the first workflow that listens. Where that may
   * wait for further messages of the name, a second one is left for it to take.
   */
  async begin<Message extends News>(messages: readonly Message[]): Promise<Set<Message>> {
    if (messages.length === 0) return new Set();
    const names = [...new Set(messages.map(({ name }) => name))];
    const listening = await this.triggers.listening('message', names);
    if (listening.length === 0) return new Set();
    const runnables = await this.definitions.load(listening);
    const begun = new Map<Message, ListeningTrigger>();
    const alone = new Set<string>();
    for (const message of messages) {
      const trigger = listening.find((one) => takes(one, message));
      if (!trigger) continue;
      const about = JSON.stringify([message.name, message.key]);
      if (alone.has(about)) continue;
      if (mayTakeMore(runnables, trigger)) alone.add(about);
      begun.set(message, trigger);
    }
    if (begun.size === 0) return new Set();
    await this.mediator.execute(
      new StartInstances(
        [...begun].map(([{ key, data }, { key: workflow, version, node }]) => ({
          workflow: `${workflow}@${String(version)}`,
          node,
          variables: {},
          data,
          ...(key !== null && { business_key: key }),
        })),
      ),
    );
    if (alone.size > 0) await this.unitOfWork.flush();
    return new Set(begun.keys());
  }
}

const takes = ({ name, messageKey }: ListeningTrigger, message: News): boolean =>
  name === message.name && (messageKey === null || messageKey === message.key);

/** Whether something behind the start takes messages of its name, as far as can be told before. */
function mayTakeMore(runnables: Runnables, { key, version, name }: ListeningTrigger): boolean {
  const draft = runnables.get(key, version)?.definition.compiled.draft;
  return draft?.nodes.some((node) => namesTaken(node).some((taken) => mayBe(taken, name))) ?? false;
}

type Node = WorkflowDraft['nodes'][number];

const namesTaken = (node: Node): string[] => [
  ...(node.type === 'wait' && node.message ? [node.message.name] : []),
  ...(node.on ?? []).flatMap(({ message }) => message?.name ?? []),
];

const mayBe = (taken: string, name: string): boolean =>
  taken === name || taken.startsWith('=') || taken.includes('{{');
