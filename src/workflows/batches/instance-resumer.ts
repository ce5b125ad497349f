import { Injectable } from '@nestjs/common';
import { RunningInstances } from '../queries/running-instances.js';
import type { Instance } from '../runtime/instance.js';
import type { Movement } from '../runtime/movement.js';
import type { BatchProblem, BatchWorker, ResumeInstances, Slice } from './batch-work.js';

/** Lets instances go on that a pause of their workflow has held; the others are looked at and left alone. */
@Injectable()
export class InstanceResumer implements BatchWorker<ResumeInstances> {
  constructor(private readonly running: RunningInstances) {}

  count({ workflow }: ResumeInstances, until: Date): Promise<number> {
    return this.running.count({ workflow }, until);
  }

  next({ workflow }: ResumeInstances, slice: Slice): Promise<string[]> {
    return this.running.next({ workflow }, slice);
  }

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  apply(_work: ResumeInstances, movement: Movement, instance: Instance): BatchProblem[] {
    const isHeld = [...instance.state.tokens.values()].some(({ status }) => status === 'ready');
    if (isHeld) movement.decide(instance, { type: 'reconsider' });
    return [];
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }
}
