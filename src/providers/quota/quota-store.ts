import type { Exchange, Quota, QuotaAnswer, QuotaState, Recovered } from './engine/quota.js';

/**
 * Asked after the store lost a provider's book, and before its first use. `undefined`: nothing is known, so the epoch
 * counts as exhausted. `{ used: 0, lastAt: 0 }`: certainly nothing was ever sent, so a full epoch is open.
 */
export type Recover = (quota: Quota) => Promise<Recovered | undefined>;

/**
 * The books of all providers, shared by all processes, on one clock: the store's own.
 *
 * Promise: the tokens that are out, and the calls that the provider may have counted, are together never more than
 * it takes. A token is out from its grant until its outcome is told; a holder that is silent for {@link LEASE_MS} is
 * taken for dead, and what it held for possibly sent. A book that is missing is never taken for an empty one.
 *
 * Every operation rejects when the store cannot be reached; nothing was granted then that anybody may use.
 */
export abstract class QuotaStore {
  /**
   * All that a holder has to say about one provider, and all that it wants, in one round trip for any number of
   * messages. An exchange that is repeated with the same `seq` has no second effect, and is answered like the first.
   */
  abstract exchange(exchange: Exchange): Promise<QuotaAnswer>;

  /**
   * Opens a book where there is none, from what was `recovered`, or as exhausted. Does nothing when there is one, so
   * every process may do it. Call it no sooner than {@link LEASE_MS} after the loss was seen: then all is written that the
   * lost book had allowed.
   */
  abstract restore(quota: Quota, recovered: Recovered | undefined): Promise<void>;

  /** The state of each provider, in the order asked for; those that have no book yet are `unknown`. */
  abstract look(quotas: readonly Quota[]): Promise<QuotaState[]>;

  /** Drops the books; the next use begins with recovery. */
  abstract forget(providerIds: readonly string[]): Promise<void>;
}
