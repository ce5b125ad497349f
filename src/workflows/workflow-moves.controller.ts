import { Body, Controller } from '@nestjs/common';
import { SystemDoor } from '../kernel/access/access.decorators.js';
import { Mediator } from '../kernel/cqrs/mediator.js';
import type { Incoming } from '../kernel/messaging/batch-method.js';
import { MessageScope, OnMessage } from '../kernel/messaging/message.decorators.js';
import { CancelChildren } from './commands/cancel-children.js';
import { FireStarts } from './commands/fire-starts.js';
import { ListenAgain } from './commands/listen-again.js';
import { ReconsiderInstances } from './commands/reconsider-instances.js';
import { type JobEnd, SettleJobs } from './commands/settle-jobs.js';
import { type Telling, TellInstances } from './commands/tell-instances.js';
import { JOBS_ENDED } from './runtime/jobs.js';
import { WORKFLOWS } from './runtime/messages.js';
import {
  cancelChild,
  type CancelChild,
  childEnded,
  type ChildEnded,
  childEscalated,
  type ChildEscalated,
  fireStart,
  type FireStart,
  fireTimer,
  type FireTimer,
  jobsEnded,
  type JobsEnded,
  reconsider,
  type Reconsider,
} from './workflow-instances.dto.js';
import { listen, type Listen } from './workflow-news.dto.js';

const BATCH = 500;

/** Of messages that bring many ends each. */
const BATCH_OF_JOBS = 20;

/**
 * What moves instances from inside the program: timers, the ends of tasks and of called instances. Whatever comes too
 * late for its token is dropped, so that most of it needs no inbox.
 */
@Controller()
@MessageScope(WORKFLOWS)
export class WorkflowMovesController {
  constructor(private readonly mediator: Mediator) {}

  @SystemDoor()
  @OnMessage(JOBS_ENDED, { batch: BATCH_OF_JOBS, body: jobsEnded, idempotent: true })
  async jobsEnded(messages: readonly Incoming<JobsEnded>[]): Promise<undefined> {
    const ends = messages.flatMap(({ body }) =>
      body.ends.map(({ mark: { instance_id: instanceId, token, attempt }, ...end }): JobEnd => {
        const { kind, status, result, error } = end;
        const told = { ...(result !== undefined && { result }), ...(error && { error }) };
        return { instanceId, token, attempt, kind, status, ...told };
      }),
    );
    await this.mediator.execute(new SettleJobs(ends));
  }

  @SystemDoor()
  @OnMessage('timers/fire', { batch: BATCH, body: fireTimer, idempotent: true })
  fire(messages: readonly Incoming<FireTimer>[]): Promise<undefined> {
    return this.#tell(
      messages.map(({ body: { instance_id: instanceId, token, timer, at } }) => {
        return { instanceId, command: { type: 'fire_timer', token, timer }, timerAt: at };
      }),
    );
  }

  @SystemDoor()
  @OnMessage('starts/fire', { batch: BATCH, body: fireStart, idempotent: true })
  async fireStarts(messages: readonly Incoming<FireStart>[]): Promise<undefined> {
    await this.mediator.execute(new FireStarts(messages.map(({ body }) => body)));
  }

  @SystemDoor()
  @OnMessage('instances/child-ended', { batch: BATCH, body: childEnded, idempotent: true })
  childEnded(messages: readonly Incoming<ChildEnded>[]): Promise<undefined> {
    return this.#tell(
      messages.map(({ body: { instance_id: instanceId, error, ...end } }) => {
        return { instanceId, command: { type: 'child_ended', ...end, ...(error && { error }) } };
      }),
    );
  }

  @SystemDoor()
  @OnMessage('instances/child-escalated', { batch: BATCH, body: childEscalated })
  childEscalated(messages: readonly Incoming<ChildEscalated>[]): Promise<undefined> {
    return this.#tell(
      messages.map(({ body: { instance_id: instanceId, ...escalation } }) => {
        return { instanceId, command: { type: 'child_escalated', ...escalation } };
      }),
    );
  }

  @SystemDoor()
  @OnMessage('instances/cancel-child', { batch: BATCH, body: cancelChild, idempotent: true })
  async cancelChildren(messages: readonly Incoming<CancelChild>[]): Promise<undefined> {
    const parents = messages.map(({ body: { parent_id: instanceId, ...work } }) => {
      return { instanceId, ...work };
    });
    await this.mediator.execute(new CancelChildren(parents));
  }

  @SystemDoor()
  @OnMessage('subscriptions/listen', { batch: BATCH, body: listen, idempotent: true })
  async listenAgain(messages: readonly Incoming<Listen>[]): Promise<undefined> {
    const slots = messages.map(({ body: { instance_id: instanceId, token, slot } }) => {
      return { instanceId, token, slot };
    });
    await this.mediator.execute(new ListenAgain(slots));
  }

  @SystemDoor()
  @OnMessage('instances/reconsider')
  reconsider(@Body({ schema: reconsider }) { key, after }: Reconsider): Promise<void> {
    return this.mediator.execute(new ReconsiderInstances(key, after));
  }

  async #tell(tellings: readonly Telling[]): Promise<undefined> {
    await this.mediator.execute(new TellInstances(tellings));
  }
}
