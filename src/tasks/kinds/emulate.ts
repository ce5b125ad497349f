import { setTimeout as delay } from 'node:timers/promises';
import { Inject } from '@nestjs/common';
import { z } from 'zod';
import { ENV, type Env } from '../../kernel/env.js';
import { type TaskContext, TaskHandler, type TaskRunner } from '../worker/task-handler.js';

const settings = z.object({
  min_ms: z.int().min(0).max(3_600_000).optional(),
  max_ms: z.int().min(0).max(3_600_000).optional(),
  failure_probability: z.number().min(0).max(1).optional(),
});

const emulated = z.union([settings, z.unknown()]).meta({
  description:
    'Any JSON. In an object, min_ms, max_ms and failure_probability override EMULATE_MIN_MS, EMULATE_MAX_MS and EMULATE_FAILURE_PROBABILITY.',
  examples: ['test task', { min_ms: 100, max_ms: 200, failure_probability: 0.5 }],
});

const STEPS = 10;

/** Pretends to work for a random time (5 to 10 s by default), then succeeds, or fails with the given probability. */
@TaskHandler('emulate', { payload: emulated })
export class Emulate implements TaskRunner {
  constructor(@Inject(ENV) private readonly env: Env) {}

  async run(payload: unknown, { signal, progress }: TaskContext): Promise<{ worked_ms: number }> {
    const given = settings.safeParse(payload).data ?? {};
    const min = given.min_ms ?? this.env.EMULATE_MIN_MS;
    const max = Math.max(min, given.max_ms ?? this.env.EMULATE_MAX_MS);
    const workedMs = Math.round(min + Math.random() * (max - min));
    for (let step = 1; step <= STEPS; step += 1) {
      await delay(workedMs / STEPS, undefined, { signal });
      progress((step * 100) / STEPS);
    }
    const probability = given.failure_probability ?? this.env.EMULATE_FAILURE_PROBABILITY;
    if (Math.random() < probability) throw new EmulatedFailure();
    return { worked_ms: workedMs };
  }
}

class EmulatedFailure extends Error {
  override readonly name = 'EmulatedFailure';
  constructor() {
    super('The emulated work failed, as it does with the probability that was asked for.');
  }
}
