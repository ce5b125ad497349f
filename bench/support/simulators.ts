import getPort from 'get-port';
import type { SimulatorStatistics } from '../../src/simulators/simulator.dto.js';
import type { Bench } from './bench.ts';
import type { Scenario } from './scenario.ts';

/** The two simulated providers, in a process of their own, as the scenario wants them. */
export class Simulators {
  readonly freeUrl: string;
  readonly paidUrl: string;

  private constructor(freePort: number, paidPort: number) {
    this.freeUrl = `http://127.0.0.1:${freePort}`;
    this.paidUrl = `http://127.0.0.1:${paidPort}`;
  }

  static async start(bench: Bench, { free, paid }: Scenario): Promise<Simulators> {
    const [freePort, paidPort] = [await getPort(), await getPort()];
    const env = {
      MODULES: 'simulators',
      SIMULATOR_FREE_PORT: String(freePort),
      SIMULATOR_PAID_PORT: String(paidPort),
    };
    await bench.start({ name: 'simulators', roles: 'simulators', env });
    const simulators = new Simulators(freePort, paidPort);
    await change(simulators.freeUrl, free);
    await change(simulators.paidUrl, { latency_ms: paid.latency_ms });
    return simulators;
  }

  /** What the program has to know of them. */
  settings({ free, paid }: Scenario): Record<string, string> {
    return {
      PROVIDER_FREE_URL: `${this.freeUrl}/v1/messages`,
      PROVIDER_PAID_URL: `${this.paidUrl}/v1/messages`,
      PROVIDERS_PRIVATE_HOSTS: [this.freeUrl, this.paidUrl].map((url) => new URL(url).host).join(),
      PROVIDER_FREE_MODEL: free.model,
      PROVIDER_FREE_LIMIT: String(free.limit),
      PROVIDER_FREE_PERIOD_MS: String(free.period_ms),
      PROVIDER_PAID_PRICE_MICROS: String(paid.price_micros),
      PROVIDER_PAID_BUDGET_MICROS: String(paid.budget_micros ?? Number.MAX_SAFE_INTEGER),
    };
  }

  async statistics(): Promise<{ free: SimulatorStatistics; paid: SimulatorStatistics }> {
    const [free, paid] = await Promise.all([this.freeUrl, this.paidUrl].map(statisticsOf));
    if (!free || !paid) throw new Error('A simulator does not answer');
    return { free, paid };
  }
}

async function change(url: string, settings: object): Promise<void> {
  const response = await fetch(`${url}/control`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(settings),
  });
  if (!response.ok) throw new Error(`A simulator refuses its settings: ${await response.text()}`);
}

async function statisticsOf(url: string): Promise<SimulatorStatistics> {
  const response = await fetch(`${url}/control/statistics`);
  return (await response.json()) as SimulatorStatistics;
}
