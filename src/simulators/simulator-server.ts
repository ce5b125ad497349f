import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Verdict } from './engine/limiter.js';
import { ChangeSimulator, SimulatorSettings } from './simulator.dto.js';
import { Simulator } from './simulator.js';

export const FREE: SimulatorSettings = {
  model: 'n_then_block',
  limit: 100,
  period_ms: 10_000,
  restarts_block: false,
  latency_ms: { min: 5, max: 20 },
  error_rate: 0,
  timeout_rate: 0,
  lost_rate: 0,
  headers: true,
  clock_offset_ms: 0,
};

export const PAID: SimulatorSettings = { ...FREE, model: 'none' };

/**
 * A simulated provider on a real HTTP server of its own, for tests, benchmarks and trying out. It has no authentication
 * and obeys everybody who reaches its `/control`, so it listens on loopback unless told otherwise.
 */
export class SimulatorServer {
  readonly simulator: Simulator;
  readonly #server: FastifyInstance;

  constructor(name: string, settings: SimulatorSettings) {
    this.simulator = new Simulator(name, settings);
    this.#server = Fastify({ logger: false, forceCloseConnections: true });
    this.#server.post('/v1/messages', (request, reply) => this.#take(request, reply));
    this.#server.get('/control', () => this.simulator.settings);
    this.#server.patch('/control', (request, reply) => this.#change(request, reply));
    this.#server.post('/control/reset', (_request, reply) => {
      this.simulator.reset();
      return reply.code(204).send();
    });
    this.#server.get('/control/statistics', () => this.simulator.statistics());
  }

  /** Resolves to the address; port 0 takes a free one. Rejects when the port is taken. */
  async listen(port: number, host: string): Promise<string> {
    await this.#server.listen({ port, host });
    const { port: taken } = this.#server.server.address() as AddressInfo;
    return `http://${host.includes(':') ? `[${host}]` : host}:${taken}`;
  }

  /** Cuts off whoever still waits for an answer. */
  async close(): Promise<void> {
    await this.#server.close();
  }

  async #take(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const header = request.headers['idempotency-key'];
    const key = typeof header === 'string' ? header : undefined;
    const fate = this.simulator.receive(key);
    // The clock of the answer is the provider's, as its windows are.
    reply.header('date', new Date(this.simulator.now()).toUTCString());
    if (fate.kind === 'lost') return this.#cutOff(request, reply);
    if (fate.kind === 'timeout') return reply.hijack();
    if (fate.kind === 'conflict') return reply.code(409).send({ error: 'in progress' });
    await this.#work();
    if (fate.kind === 'replayed') return reply.send({ id: fate.id, replayed: true });
    this.#tell(reply, fate.verdict);
    if (fate.kind === 'refused') return reply.code(429).send({ error: 'quota exhausted' });
    if (fate.kind === 'error') return reply.code(500).send({ error: 'simulated' });
    if (key !== undefined) this.simulator.answered(key, fate.id);
    return reply.send({ id: fate.id });
  }

  #cutOff(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    reply.hijack();
    request.raw.socket.destroy();
    return reply;
  }

  async #work(): Promise<void> {
    const { min, max } = this.simulator.settings.latency_ms;
    if (max > 0) await delay(min + Math.random() * (max - min));
  }

  #tell(reply: FastifyReply, { accepted, remaining, resetAt }: Verdict): void {
    const { headers, limit, model, period_ms: periodMs } = this.simulator.settings;
    const resetSeconds = Math.max(0, Math.ceil((resetAt - this.simulator.now()) / 1_000));
    if (!accepted) reply.header('retry-after', resetSeconds);
    if (!headers || model === 'none') return;
    const name = JSON.stringify(this.simulator.name);
    reply.header('ratelimit', `${name};r=${remaining};t=${resetSeconds}`);
    reply.header('ratelimit-policy', `${name};q=${limit};w=${Math.ceil(periodMs / 1_000)}`);
  }

  #change(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const change = ChangeSimulator.safeParse(request.body);
    const settings = SimulatorSettings.safeParse({ ...this.simulator.settings, ...change.data });
    const { error } = change.success ? settings : change;
    if (error || !settings.success) return reply.code(400).send({ errors: error?.issues });
    this.simulator.change(settings.data);
    return reply.send(settings.data);
  }
}
