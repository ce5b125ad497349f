import { Injectable, Logger } from '@nestjs/common';
import { Ids } from '../../kernel/ids.js';
import type { Provider } from '../domain/provider.js';
import { CallHistory } from '../queries/call-history.js';
import { quotaOf } from '../queries/provider-directory.js';
import { LEASE_MS, type Quota } from '../quota/engine/quota.js';
import type { Denial, Permit } from '../quota/permit.js';
import { QuotaGate } from '../quota/quota-gate.js';
import { QuotaStore } from '../quota/quota-store.js';

/** A book that is lost is opened again when every permit of before has run out. */
const OPENING_MS = 2 * LEASE_MS;
/** Longer than tokens that nobody wants stay with a process. */
const DRAINING_MS = 150;
/** A gate learns of a reset a little later than it is; to pay at its very moment would be too early. */
const NEARLY_OPEN_MS = 50;

/** The gates of this process, one per provider with a quota, each with the limits that are configured now. */
@Injectable()
export class QuotaGates {
  readonly #logger = new Logger('Providers');
  readonly #gates = new Map<string, { readonly gate: QuotaGate; settings: Provider }>();

  constructor(
    private readonly ids: Ids,
    private readonly store: QuotaStore,
    private readonly history: CallHistory,
  ) {}

  /**
   * A token or a denial: at once, but for the moment in which the last tokens of an epoch are out, and that just before the
   * next one begins. Tokens may come back or be new, and to pay meanwhile would be too early. Never rejects.
   */
  async acquire(provider: Provider): Promise<Permit | Denial> {
    const gate = this.#gateOf(provider);
    const first = await gate.acquire();
    if ('epoch' in first || first.phase === 'unavailable') return first;
    const passes = first.phase === 'draining' || first.retryAfterMs <= NEARLY_OPEN_MS;
    return passes ? gate.acquire({ maxWaitMs: DRAINING_MS }) : first;
  }

  /** Opens the book of a provider that was never used, or is lost, before the first message needs it. */
  async open(provider: Provider, signal: AbortSignal): Promise<void> {
    const gate = this.#gateOf(provider);
    const first = await gate.acquire();
    const isLost = 'retryAfterMs' in first && first.phase === 'unavailable';
    const permit = isLost ? await gate.acquire({ maxWaitMs: OPENING_MS, signal }) : first;
    if ('epoch' in permit) permit.unsent();
  }

  /** Gives back what nobody uses. Who still holds a permit is taken for dead after the lease. */
  async close(): Promise<void> {
    for (const { gate } of this.#gates.values()) {
      await gate.close().catch((error: unknown) => {
        this.#logger.warn({ err: error }, 'Could not give back the tokens of a quota');
      });
    }
  }

  #gateOf(provider: Provider): QuotaGate {
    const known = this.#gates.get(provider.id);
    if (!known) {
      const gate = new QuotaGate({
        quota: quotaOf(provider),
        store: this.store,
        holder: this.ids.next(),
        recover: (quota: Quota) => this.history.recover(quota),
      });
      this.#gates.set(provider.id, { gate, settings: provider });
      return gate;
    }
    if (known.settings !== provider) this.#adopt(known, provider);
    return known.gate;
  }

  #adopt(known: { readonly gate: QuotaGate; settings: Provider }, provider: Provider): void {
    const before = JSON.stringify(quotaOf(known.settings));
    known.settings = provider;
    const now = quotaOf(provider);
    if (JSON.stringify(now) !== before) known.gate.change(now);
  }
}
