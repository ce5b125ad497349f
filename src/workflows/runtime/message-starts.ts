import { Injectable } from '@nestjs/common';
import type { StartCommand } from '../commands/start-instances.js';
import type { WorkflowDraft } from '../definition/draft.js';
import { DefinitionRepository, type Runnables } from '../definition.repository.js';
import type { News } from '../news.repository.js';
import { type ListeningTrigger, TriggerRepository } from '../trigger.repository.js';
import { startOf, TriggeredStarts } from './triggered.js';

/** Starts instances by messages that nobody waits for. The names of the messages must be locked. */
@Injectable()
export class MessageStarts {
  constructor(
    private readonly definitions: DefinitionRepository,
    private readonly starts: TriggeredStarts,
    private readonly triggers: TriggerRepository,
  ) {}

  /**
   * Answers the messages that have started an instance, each one: of the first workflow that listens. Where that may
   * wait for further messages of the name, a second one is left for it to take. One that could start nothing is left, too.
   */
  async begin<Message extends News>(messages: readonly Message[]): Promise<Set<Message>> {
    if (messages.length === 0) return new Set();
    const names = [...new Set(messages.map(({ name }) => name))];
    const listening = await this.triggers.listening('message', names);
    if (listening.length === 0) return new Set();
    const runnables = await this.definitions.load(listening);
    const chosen = new Map<StartCommand, Message>();
    const alone = new Set<string>();
    for (const message of messages) {
      const trigger = listening.find((one) => takes(one, message));
      const about = JSON.stringify([message.name, message.key]);
      if (!trigger || alone.has(about)) continue;
      if (mayTakeMore(runnables, trigger)) alone.add(about);
      chosen.set(startOf(trigger, message), message);
    }
    const failed = await this.starts.begin([...chosen.keys()]);
    for (const start of failed.keys()) chosen.delete(start);
    if (alone.size > 0) await this.triggers.writeStarted();
    return new Set(chosen.values());
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
