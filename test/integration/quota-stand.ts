import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { whenWeDie } from '../../scripts/services/daemon.ts';
import type { SimulatorSettings, SimulatorStatistics } from '../../src/simulators/simulator.dto.js';
import type { SenderFigures, SenderSettings } from './providers-quota.child.js';

/** A process that has said that it is ready. */
interface Started {
  readonly child: ChildProcess;
  readonly said: string;
}

/**
 * A simulated provider, and processes that send to it through gates: started once, as that takes longer than a run, and
 * replaced when they are killed. Nothing of it outlives `dispose`, or us.
 */
export class QuotaStand {
  readonly #children = new Map<ChildProcess, () => void>();
  #senders: Promise<Started>[];
  readonly #provider: Promise<Started>;
  #sending: ChildProcess[] = [];

  constructor(senders: number) {
    this.#provider = this.#start('./providers-simulator.child.ts');
    this.#senders = Array.from({ length: senders }, () => this.#startSender());
  }

  async begin(settings: Partial<SimulatorSettings>): Promise<void> {
    await this.#ask('/control', { method: 'PATCH', body: JSON.stringify(settings) });
    await this.#ask('/control/reset', { method: 'POST' });
  }

  /** Lets all senders go at once. */
  async send(settings: Omit<SenderSettings, 'providerUrl'>): Promise<void> {
    const providerUrl = await this.#url();
    const started = await Promise.all(this.#senders);
    this.#sending = started.map(({ child }) => child);
    for (const child of this.#sending) child.send({ ...settings, providerUrl });
  }

  kill(): void {
    const child = this.#sending.shift();
    if (!child) throw new Error('Nobody is left to be killed');
    this.#end(child);
    this.#senders = [...this.#senders.slice(1), this.#startSender()];
  }

  /** Stops one in its tracks, and answers how to let it go on. */
  freeze(): () => void {
    const child = this.#sending.at(-1);
    child?.kill('SIGSTOP');
    return () => child?.kill('SIGCONT');
  }

  /** Ends what the living senders do, and answers the sums and the worst of their figures. */
  async stop(): Promise<SenderFigures> {
    const senders = this.#sending.splice(0);
    const told = senders.map((child) => once(child, 'message') as Promise<[SenderFigures]>);
    for (const child of senders) child.send('stop');
    const figures = (await Promise.all(told)).map(([one]) => one);
    const sum = (key: keyof SenderFigures) => figures.reduce((total, one) => total + one[key], 0);
    const worst = (key: keyof SenderFigures) => Math.max(...figures.map((one) => one[key]));
    return {
      free: sum('free'),
      denied: sum('denied'),
      ambiguous: sum('ambiguous'),
      refused: sum('refused'),
      exchanges: sum('exchanges'),
      decisionP50: worst('decisionP50'),
      decisionP99: worst('decisionP99'),
    };
  }

  async statistics(): Promise<SimulatorStatistics> {
    const response = await this.#ask('/control/statistics');
    return (await response.json()) as SimulatorStatistics;
  }

  async dispose(): Promise<void> {
    await this.#provider;
    await Promise.all(this.#senders);
    const children = [...this.#children.keys()];
    const gone = children.map((child) => once(child, 'exit'));
    for (const child of children) this.#end(child);
    await Promise.all(gone);
  }

  async #ask(path: string, init: RequestInit = {}): Promise<Response> {
    const headers: Record<string, string> = init.body ? { 'content-type': 'application/json' } : {};
    const response = await fetch(`${await this.#url()}${path}`, { ...init, headers });
    if (!response.ok) throw new Error(await response.text());
    return response;
  }

  async #url(): Promise<string> {
    return (await this.#provider).said;
  }

  #startSender(): Promise<Started> {
    return this.#start('./providers-quota.child.ts');
  }

  async #start(file: string): Promise<Started> {
    const hooks = new URL('../support/run-typescript.mjs', import.meta.url).href;
    const path = fileURLToPath(new URL(file, import.meta.url));
    const child = fork(path, { execArgv: ['--import', hooks] });
    this.#children.set(child, whenWeDie('kill -9 "$1"', [String(child.pid)]));
    const [said] = (await once(child, 'message')) as [string];
    return { child, said };
  }

  #end(child: ChildProcess): void {
    child.kill('SIGKILL');
    this.#children.get(child)?.();
    this.#children.delete(child);
  }
}
