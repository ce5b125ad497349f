import type { Caller } from '../access/caller.js';
import type { DomainError } from '../domain/domain-error.js';
import type { Headers } from './broker.js';
import type { DeadLetter, RetryLater, Skip } from './settlement.js';

/** One message of a batch. `params` are those of the route; those that it lacks may be among the headers. */
export interface Incoming<Body = unknown, Params = Readonly<Record<string, string>>> {
  readonly id: string;
  readonly params: Params;
  readonly headers: Headers;
  readonly body: Body;
  readonly attempt: number;
  /** Who sent it. */
  readonly caller: Caller;
}

/** Undefined: done. An error fails its own message only; nothing of that message may have been written. */
export type MessageOutcome = undefined | DomainError | RetryLater | DeadLetter | Skip;

/**
 * Takes many messages of one route in one Unit of Work. Returns one outcome per message in their order, or nothing when
 * all are done. What it throws fails them all; they are then given to it one by one.
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the decorator cannot know the types of the method
export type BatchMethod = (messages: readonly Incoming<any, any>[]) => Promise<BatchOutcomes>;
type BatchOutcomes = readonly MessageOutcome[] | undefined;
