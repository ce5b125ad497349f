import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { TooManyAttempts } from '../domain/identity.errors.js';
import { type Bucket, ThrottleRepository } from '../throttle.repository.js';

/** Counts an attempt in every bucket, or in none of them. Throws `TooManyAttempts`, which says how long to wait. */
export class CountAttempt extends Command<void> {
  constructor(readonly buckets: readonly Bucket[]) {
    super();
  }
}

/** The attempt was right, so it is not held against the first bucket, and the others forget all before it. */
export class ForgiveAttempt extends Command<void> {
  constructor(readonly buckets: readonly Bucket[]) {
    super();
  }
}

@Handles(CountAttempt)
export class CountAttemptHandler implements Handler<CountAttempt> {
  constructor(private readonly throttles: ThrottleRepository) {}

  async execute({ buckets }: CountAttempt): Promise<void> {
    for (const bucket of buckets) {
      const seconds = await this.throttles.take(bucket);
      if (seconds > 0) throw new TooManyAttempts(seconds);
    }
  }
}

@Handles(ForgiveAttempt)
export class ForgiveAttemptHandler implements Handler<ForgiveAttempt> {
  constructor(private readonly throttles: ThrottleRepository) {}

  async execute({ buckets: [shared, ...own] }: ForgiveAttempt): Promise<void> {
    if (shared) await this.throttles.giveBack(shared.key);
    for (const { key } of own) await this.throttles.forget(key);
  }
}
