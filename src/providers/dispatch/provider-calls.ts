import { Injectable } from '@nestjs/common';
import { Clock } from '../../kernel/clock.js';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { EnterCall } from '../commands/enter-call.js';
import type { EndedCall } from '../commands/finish-message.js';
import type { Message } from '../domain/message.js';
import type { CallResult } from '../domain/message.state.js';
import { ProviderDirectory } from '../queries/provider-directory.js';
import type { Permit } from '../quota/permit.js';
import { type ProviderAnswer, ProviderClient } from './provider-client.js';
import { ProviderCircuits } from './provider-circuits.js';
import { ProviderMetrics } from './provider.metrics.js';
import { Purse } from './purse.js';
import type { Passage } from './router.js';

/** Makes the calls that the router has let pass, and tells everybody how they ended. */
@Injectable()
export class ProviderCalls {
  constructor(
    private readonly clock: Clock,
    private readonly mediator: Mediator,
    private readonly client: ProviderClient,
    private readonly directory: ProviderDirectory,
    private readonly circuits: ProviderCircuits,
    private readonly metrics: ProviderMetrics,
    private readonly purse: Purse,
  ) {}

  /**
   * Enters the call into the journal, makes it, and applies its end to the message. Answers what the journal is to hold;
   * undefined when the dispatcher was declared dead before anything was written. Rejects only before anything was.
   */
  async make(
    message: Message,
    passage: Passage,
    dispatcherId: string,
  ): Promise<EndedCall | undefined> {
    const { provider, permit } = passage;
    const { id: messageId, payload } = message.state;
    const call = {
      messageId,
      attempt: message.state.attempts + 1,
      provider: provider.id,
      epoch: permit?.epoch ?? null,
      costMicros: provider.priceMicros,
      honoursKeys: provider.honoursKeys,
    };
    if (!(await this.#enter(new EnterCall(dispatcherId, call), passage))) return undefined;
    const answer = await this.client.call({
      url: new URL(provider.url),
      messageId,
      payload,
      timeoutMs: provider.timeoutMs,
      beforeWrite: () => permit?.beforeWrite() ?? true,
    });
    await this.#tell(answer, passage);
    const { result } = answer;
    const costMicros = result.kind === 'unsent' ? 0 : call.costMicros;
    message.settle({ ...call, result }, this.clock.now(), Math.random());
    return {
      ...call,
      costMicros,
      outcome: result.kind,
      epoch: this.#epochOf(permit),
      isAvoidable: passage.isAvoidable && result.kind !== 'unsent',
    };
  }

  /** Of the free quota in which the call was made: what was paid meanwhile might have been free. */
  #epochOf(permit: Permit | undefined): number {
    const free = this.directory.find('free');
    // Windows have no numbers in their books, but they have their time.
    if (free && free.model !== 'n_then_block')
      return Math.floor(this.clock.now().getTime() / free.periodMs);
    return permit?.epoch ?? this.directory.stateOf('free')?.epoch ?? 0;
  }

  async #enter(command: EnterCall, passage: Passage): Promise<boolean> {
    try {
      const isEntered = await this.mediator.execute(command);
      if (!isEntered) await this.#giveBack(passage);
      return isEntered;
    } catch (error) {
      await this.#giveBack(passage);
      throw error;
    }
  }

  async #giveBack({ provider, permit, reservation }: Passage): Promise<void> {
    this.circuits.leave(provider.id, undefined);
    permit?.unsent();
    if (reservation) await this.purse.refund(reservation);
  }

  async #tell({ result, headers }: ProviderAnswer, passage: Passage): Promise<void> {
    const { provider, permit, reservation } = passage;
    this.metrics.requests.inc({ provider: provider.id, outcome: result.kind });
    if (result.kind === 'refused') this.metrics.overQuota.inc({ provider: provider.id });
    this.circuits.leave(provider.id, worksBy(result));
    if (permit) tellPermit(permit, result, headers);
    if (!reservation) return;
    if (result.kind === 'unsent') await this.purse.refund(reservation);
    else this.metrics.paidCost.inc(reservation.micros);
  }
}

function tellPermit(
  permit: Permit,
  { kind }: CallResult,
  headers: ProviderAnswer['headers'],
): void {
  if (kind === 'unsent') permit.unsent();
  else if (kind === 'unknown') permit.ambiguous();
  else if (kind === 'refused') permit.refused(headers);
  else permit.accepted(headers);
}

/** Undefined: the call says nothing about the provider. */
function worksBy(result: CallResult): boolean | undefined {
  if (result.kind === 'unsent') return result.code === 'permit-lapsed' ? undefined : false;
  return result.kind !== 'broken' && result.kind !== 'unknown';
}
