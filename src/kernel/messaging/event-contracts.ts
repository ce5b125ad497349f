import type { z } from 'zod';

/** What a module promises about the events of one type that it publishes. */
export interface EventContract {
  /** Name on the wire, with its version: `tasks.task-succeeded.v1`. */
  readonly type: string;
  /** When it is published, in one sentence. */
  readonly description: string;
  /** The event's data; the `examples` in its `.meta()` are those of the document. */
  readonly schema: z.ZodType;
}

const CONTRACTS = Symbol('millrace:event-contracts');

/**
 * Declares on a module's class (or on a controller's) which events it publishes. It adds them to the AsyncAPI document
 * and checks nothing at run time: a test of the module holds what it publishes against its contracts.
 */
export function PublishesEvents(...contracts: readonly EventContract[]): ClassDecorator {
  return (target) => {
    Reflect.defineMetadata(CONTRACTS, contracts, target);
  };
}

export function contractsOf(target: object): readonly EventContract[] {
  return (Reflect.getMetadata(CONTRACTS, target) as readonly EventContract[] | undefined) ?? [];
}
