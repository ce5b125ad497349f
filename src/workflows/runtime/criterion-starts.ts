import { Injectable } from '@nestjs/common';
import { Clock } from '../../kernel/clock.js';
import type { StartCommand } from '../commands/start-instances.js';
import { ExpressionError, type Lookup } from '../definition/expression.js';
import { DefinitionRepository, type Runnable, type Runnables } from '../definition.repository.js';
import type { News } from '../news.repository.js';
import { type Edge, type ListeningTrigger, TriggerRepository } from '../trigger.repository.js';
import { startOf, TriggeredStarts } from './triggered.js';

/** What the reports of one batch come to. */
interface Judged {
  /** By trigger and key of the signal; undefined: does not hold. */
  readonly edges: Map<string, Edge | undefined>;
  readonly errors: Map<ListeningTrigger, string | null>;
  readonly starts: Map<StartCommand, ListeningTrigger>;
}

/**
 * Starts an instance whenever a criterion begins to hold for a key of its signal: not by every report for which it
 * does, but by the first after one for which it did not, or after its `ttl`. The names of the signals must be locked.
 */
@Injectable()
export class CriterionStarts {
  constructor(
    private readonly clock: Clock,
    private readonly definitions: DefinitionRepository,
    private readonly starts: TriggeredStarts,
    private readonly triggers: TriggerRepository,
  ) {}

  async begin(signals: readonly News[]): Promise<void> {
    const listening = await this.triggers.listening('criterion', [
      ...new Set(signals.map(({ name }) => name)),
    ]);
    if (listening.length === 0) return;
    const runnables = await this.definitions.load(listening);
    const abouts = [...new Set(signals.map(({ key }) => key ?? ''))];
    const known = await this.triggers.edges(listening, abouts);
    const judged: Judged = {
      edges: new Map(known.map((edge) => [nameOf(edge), edge])),
      errors: new Map(),
      starts: new Map(),
    };
    const before = new Map(judged.edges);
    for (const signal of signals)
      for (const trigger of listening)
        if (listens(trigger, signal)) this.#judge(judged, runnables, trigger, signal);
    const failed = await this.starts.begin([...judged.starts.keys()]);
    for (const [start, { message }] of failed) {
      const trigger = judged.starts.get(start);
      if (trigger) judged.errors.set(trigger, message);
    }
    await this.#save(before, judged);
  }

  #judge(judged: Judged, all: Runnables, trigger: ListeningTrigger, signal: News): void {
    const runnable = all.get(trigger.key, trigger.version);
    if (!runnable) return;
    const now = this.clock.now();
    const edge = { key: trigger.key, node: trigger.node, about: signal.key ?? '' };
    const name = nameOf(edge);
    try {
      const held = judged.edges.get(name);
      const until = heldUntil(runnable, trigger, signal, now);
      judged.edges.set(name, until === undefined ? undefined : { ...edge, until });
      judged.errors.set(trigger, null);
      const isHeld = held !== undefined && (held.until === null || held.until > now);
      if (until !== undefined && !isHeld) judged.starts.set(startOf(trigger, signal), trigger);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      judged.errors.set(trigger, error.message);
    }
  }

  async #save(before: ReadonlyMap<string, Edge | undefined>, { edges, errors }: Judged) {
    const changed = [...edges].filter(([name, edge]) => before.get(name) !== edge);
    const held = changed.flatMap(([, edge]) => edge ?? []);
    const ended = changed.flatMap(([name, edge]) => (edge ? [] : (before.get(name) ?? [])));
    await this.triggers.saveEdges(held, ended);
    const told = [...errors].map(([{ key, node }, error]) => ({ key, node, error }));
    if (told.length > 0) await this.triggers.saveErrors(told, this.clock.now());
  }
}

const nameOf = ({ key, node, about }: Omit<Edge, 'until'>): string =>
  JSON.stringify([key, node, about]);

const listens = ({ name, messageKey }: ListeningTrigger, signal: News): boolean =>
  name === signal.name && (messageKey === null || messageKey === signal.key);

/** Until when a report holds, null for no end; undefined when it does not. Throws ExpressionError. */
function heldUntil(
  { definition, config }: Runnable,
  { node }: ListeningTrigger,
  { data }: News,
  now: Date,
): Date | null | undefined {
  const criterion = definition.startCriterion(node);
  const names: Lookup = (name) => ({ data, config, now })[name];
  if (!criterion?.holds(names)) return undefined;
  return criterion.ttl ? new Date(criterion.ttl(names, now.getTime())) : null;
}
