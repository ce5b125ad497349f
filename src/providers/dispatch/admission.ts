import { Injectable } from '@nestjs/common';
import type { Caller } from '../../kernel/access/caller.js';
import { FreeQuotaExhausted, PaidProviderForbidden } from '../domain/message.errors.js';
import { type ProviderId, PROVIDERS } from '../domain/provider.js';
import type { CreateMessageRequest } from '../messages.dto.js';
import { ProviderDirectory } from '../queries/provider-directory.js';

/** The right to have messages processed by the paid provider. */
export const PAID_RIGHT = 'provider:paid';

/** Says at the door what is certain already; everything else is decided when the message is sent. */
@Injectable()
export class Admission {
  constructor(private readonly directory: ProviderDirectory) {}

  /** Throws `PaidProviderForbidden`, `FreeQuotaExhausted`. `place` is the item of a bulk request, or empty. */
  check(rights: Caller['rights'], request: CreateMessageRequest, place: string): void {
    const mayPay = rights.has(PAID_RIGHT);
    if (request.provider === 'paid' && !mayPay) throw new PaidProviderForbidden(place);
    if (request.provider === 'paid' || (request.provider === 'auto' && mayPay)) return;
    const blockedMs = this.#blockedMs;
    if (blockedMs > request.max_wait_ms) throw new FreeQuotaExhausted(blockedMs);
  }

  /** Whether no provider works that may process the message, as far as the processes that send can tell. */
  isWithoutProvider(rights: Caller['rights'], { provider }: CreateMessageRequest): boolean {
    return PROVIDERS.filter((id) => provider === 'auto' || provider === id)
      .filter((id) => id === 'free' || rights.has(PAID_RIGHT))
      .every((id) => this.#isDown(id));
  }

  /** A block that is known does not end sooner, so to have looked a moment ago is enough. */
  get #blockedMs(): number {
    const state = this.directory.stateOf('free');
    return state?.phase === 'blocked' && state.until !== null ? state.until - Date.now() : 0;
  }

  #isDown(id: ProviderId): boolean {
    if (this.directory.find(id)?.drained) return true;
    const circuits = this.directory.circuitsOf(id);
    return circuits.length > 0 && circuits.every((state) => state !== 'closed');
  }
}
