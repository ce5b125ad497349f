import {
  Inject,
  Logger,
  Module,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { ENV, type Env } from '../kernel/env.js';
import { FREE, PAID, SimulatorServer } from './simulator-server.js';

/** Fake providers over HTTP, in processes with role `simulators` only: a free one with a limit, and a paid one. */
@Module({})
export class SimulatorsModule implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger('Simulators');
  readonly #servers: SimulatorServer[] = [];

  constructor(@Inject(ENV) private readonly env: Env) {}

  async onApplicationBootstrap(): Promise<void> {
    if (!this.env.ROLES.includes('simulators')) return;
    const { SIMULATOR_HOST: host } = this.env;
    const free = await this.#start('free', FREE).listen(this.env.SIMULATOR_FREE_PORT, host);
    const paid = await this.#start('paid', PAID).listen(this.env.SIMULATOR_PAID_PORT, host);
    this.#logger.log({ free, paid }, 'The simulated providers are up');
  }

  async onModuleDestroy(): Promise<void> {
    for (const server of this.#servers.splice(0)) await server.close();
  }

  #start(name: string, settings: typeof FREE): SimulatorServer {
    const server = new SimulatorServer(name, settings);
    this.#servers.push(server);
    return server;
  }
}
