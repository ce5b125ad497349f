import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type BatchHandler, Handles, type Outcome } from '../../kernel/cqrs/handles.js';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { DomainError } from '../../kernel/domain/domain-error.js';
import { type News, NewsRepository } from '../news.repository.js';
import { CriterionStarts } from '../runtime/criterion-starts.js';
import { type Telling, TellInstances } from './tell-instances.js';

/**
 * Tells signals to every instance in which somebody waits for them now, keeps them as the last reports, and starts
 * instances by criteria that hold from now on. Answers how many instances have heard each.
 */
export class ReportSignals extends Command<readonly number[]> {
  constructor(readonly signals: readonly News[]) {
    super();
  }
}

/** Batches of one process mostly have names in common, so a second one would only wait for the locks of the first. */
@Handles(ReportSignals, { batch: 500, batchesAtOnce: 1 })
export class ReportSignalsHandler implements BatchHandler<ReportSignals> {
  constructor(
    private readonly clock: Clock,
    private readonly mediator: Mediator,
    private readonly news: NewsRepository,
    private readonly starts: CriterionStarts,
  ) {}

  async executeMany(commands: readonly ReportSignals[]): Promise<Outcome<readonly number[]>[]> {
    const signals = commands.flatMap((command) => command.signals);
    await this.news.lock(signals.map(({ name }) => name));
    await this.news.report(signals, this.clock.now());
    const heard = await this.#tell(signals);
    await this.starts.begin(signals);
    let first = 0;
    return commands.map((command) => heard.slice(first, (first += command.signals.length)));
  }

  /** Instances that each signal was taken by. */
  async #tell(signals: readonly News[]): Promise<number[]> {
    const heard = signals.map(() => 0);
    const hearers = await this.news.hearers(signals);
    if (hearers.length === 0) return heard;
    const tellings = hearers.flatMap(({ place, instanceId }): Telling[] => {
      const signal = signals[place];
      return signal ? [{ instanceId, command: { type: 'signal', ...signal } }] : [];
    });
    const told = await this.mediator.execute(new TellInstances(tellings));
    hearers.forEach(({ place }, index) => {
      if (!(told[index] instanceof DomainError)) heard[place] = (heard[place] ?? 0) + 1;
    });
    return heard;
  }
}
