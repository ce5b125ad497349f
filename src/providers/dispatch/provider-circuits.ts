import { Injectable, Logger } from '@nestjs/common';
import { type ProviderId, PROVIDERS } from '../domain/provider.js';
import type { Circuits } from '../queries/provider-directory.js';
import { ProviderCircuit } from './provider-circuit.js';

/** The circuits of this process, one per provider. */
@Injectable()
export class ProviderCircuits {
  readonly #logger = new Logger('Providers');
  readonly #circuits = new Map(PROVIDERS.map((id) => [id, new ProviderCircuit()]));

  get states(): Circuits {
    return Object.fromEntries([...this.#circuits].map(([id, { state }]) => [id, state]));
  }

  /** True: one call may be made; its outcome must be told by {@link leave}. */
  enter(id: ProviderId): boolean {
    return this.#of(id).enter(performance.now());
  }

  /** `works` undefined: there was no call after all, or it says nothing about the provider. */
  leave(id: ProviderId, works: boolean | undefined): void {
    const circuit = this.#of(id);
    if (!circuit.leave(works, performance.now())) return;
    const about = { provider: id, state: circuit.state };
    if (circuit.state === 'open') this.#logger.warn(about, 'A provider fails; pausing its calls');
    else this.#logger.log(about, 'A provider works again');
  }

  /** Until a call may be tried; 0 when it may be tried now. */
  pauseMs(id: ProviderId): number {
    return this.#of(id).pauseMs(performance.now());
  }

  #of(id: ProviderId): ProviderCircuit {
    const circuit = this.#circuits.get(id);
    if (!circuit) throw new Error(`There is no provider ${id}`);
    return circuit;
  }
}
