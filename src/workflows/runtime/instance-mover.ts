import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '../../kernel/clock.js';
import { ENV, type Env } from '../../kernel/env.js';
import { Ids } from '../../kernel/ids.js';
import { Outbox } from '../../kernel/outbox/outbox.js';
import { DefinitionRepository } from '../definition.repository.js';
import { HeatRepository } from '../heat.repository.js';
import { IncidentRepository } from '../incident.repository.js';
import { InstanceRepository } from '../instance.repository.js';
import { NewsRepository } from '../news.repository.js';
import { SearchRepository } from '../search.repository.js';
import { UserTaskRepository } from '../user-task.repository.js';
import { Children } from './children.js';
import { drain, type Gathered } from './gathered.js';
import type { Instance } from './instance.js';
import { Jobs } from './jobs.js';
import { Links } from './links.js';
import { published } from './messages.js';
import { Movement } from './movement.js';
import { Unheard } from './unheard.js';
import { userTaskCancelled, userTaskCreated, userTaskOf } from './user-tasks.js';

/**
 * Moves many instances in the open Unit of Work: decisions in memory, then what they ask for, and again while that
 * gives rise to further decisions; at the end a handful of statements write everything. Instances must be locked, so
 * a state can be neither lost nor decided upon twice.
 */
@Injectable()
export class InstanceMover {
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly clock: Clock,
    private readonly ids: Ids,
    private readonly outbox: Outbox,
    private readonly definitions: DefinitionRepository,
    private readonly heat: HeatRepository,
    private readonly instances: InstanceRepository,
    private readonly incidents: IncidentRepository,
    private readonly news: NewsRepository,
    private readonly search: SearchRepository,
    private readonly userTasks: UserTaskRepository,
    private readonly jobs: Jobs,
    private readonly children: Children,
    private readonly links: Links,
    private readonly unheard: Unheard,
  ) {}

  /** A movement of instances that are locked. */
  async begin(instances: Iterable<Instance>): Promise<Movement> {
    const movement = new Movement(this.clock.now());
    for (const instance of instances) movement.instances.set(instance.id, instance);
    movement.know(await this.definitions.load([...movement.instances.values()]));
    return movement;
  }

  /** Carries out and writes what was decided. */
  async settle(movement: Movement): Promise<void> {
    const { gathered } = movement;
    while (hasMore(gathered)) {
      await this.links.follow(movement);
      await this.children.start(movement);
      await this.jobs.create(movement);
      await this.#subscribe(movement);
      await this.unheard.listen(movement);
    }
    await this.jobs.settle(movement);
    await this.#subscribe(movement);
    await this.instances.save([...movement.changed], movement.decided);
    await this.search.save(movement.searchChanges());
    const heat = movement.tally.deltas();
    if (heat.length > 0) this.heat.append(heat);
    await this.#changeIncidents(movement);
    await this.#changeUserTasks(movement);
    await this.outbox.append([
      ...published(this.env, gathered.messages),
      ...gathered.timers.values(),
    ]);
  }

  async #subscribe({ gathered: { unsubscribed, subscriptions } }: Movement): Promise<void> {
    if (unsubscribed.length > 0) await this.news.unsubscribe(unsubscribed.splice(0));
    if (subscriptions.size > 0) await this.news.subscribe(drain(subscriptions));
  }

  async #changeIncidents({ gathered: { resolved, incidents }, now }: Movement): Promise<void> {
    if (resolved.length > 0) await this.incidents.deleteMany(resolved);
    if (incidents.size > 0) this.incidents.insertMany([...incidents.values()], now);
  }

  async #changeUserTasks({ gathered, now }: Movement): Promise<void> {
    const { cancelledUserTasks, userTasks } = gathered;
    if (cancelledUserTasks.length > 0) {
      const cancelled = await this.userTasks.cancel(cancelledUserTasks, now);
      gathered.messages.push(...cancelled.map(userTaskCancelled));
    }
    if (userTasks.size === 0) return;
    const tasks = [...userTasks.values()].map((one) => userTaskOf(one, this.ids.next(), now));
    this.userTasks.insertMany(tasks);
    gathered.messages.push(...tasks.map(userTaskCreated));
  }
}

/** Something whose carrying out may give rise to further decisions. */
const hasMore = ({ children, jobs, unheard, ended }: Gathered): boolean =>
  children.size + jobs.size + unheard.length + ended.length > 0;
