import { FREE, PAID, SimulatorServer } from '../../src/simulators/index.js';
import type { SimulatorSettings } from '../../src/simulators/simulator.dto.js';
import type { BootOptions } from './app.js';

const AT_ONCE = { latency_ms: { min: 0, max: 0 } };

/** A free and a paid provider on loopback, and the settings by which an application finds them. */
export class ProviderStand {
  private constructor(
    readonly free: SimulatorServer,
    readonly paid: SimulatorServer,
    readonly env: NonNullable<BootOptions['env']>,
  ) {}

  /** Close it in `afterEach`. The limits of the free provider are those that the application is told. */
  static async open(limits: Partial<SimulatorSettings> = {}): Promise<ProviderStand> {
    const settings = { ...FREE, ...AT_ONCE, ...limits };
    const free = new SimulatorServer('free', settings);
    const paid = new SimulatorServer('paid', { ...PAID, ...AT_ONCE });
    const freeUrl = await free.listen(0, '127.0.0.1');
    const paidUrl = await paid.listen(0, '127.0.0.1');
    return new ProviderStand(free, paid, {
      PROVIDER_FREE_URL: `${freeUrl}/v1/messages`,
      PROVIDER_PAID_URL: `${paidUrl}/v1/messages`,
      PROVIDER_FREE_MODEL: settings.model,
      PROVIDER_FREE_LIMIT: String(settings.limit),
      PROVIDER_FREE_PERIOD_MS: String(settings.period_ms),
      PROVIDERS_PRIVATE_HOSTS: [freeUrl, paidUrl].map((url) => new URL(url).host).join(','),
    });
  }

  async close(): Promise<void> {
    await this.free.close();
    await this.paid.close();
  }
}
