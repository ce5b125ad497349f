import { setTimeout as delay } from 'node:timers/promises';
import { query } from '../../scripts/services/postgres.ts';
import type { Program } from './program.ts';
import type { Scenario } from './scenario.ts';

/** Messages of one request while a window is kept full. */
const PER_REQUEST = 100;
const TICK_MS = 20;
const DEATH_IS_SEEN_MS = 500;

/** Posts the messages of a scenario to processes in turn, as one user. */
export class Sender {
  sent = 0;
  /** Refused at the door with 429. */
  refused = 0;
  readonly #scenario: Scenario;
  readonly #targets: readonly Program[];
  readonly #authorization: string;
  #turn = 0;
  #failure: unknown;

  private constructor(scenario: Scenario, targets: readonly Program[], token: string) {
    this.#scenario = scenario;
    this.#targets = targets;
    this.#authorization = `Bearer ${token}`;
  }

  /** Registers the user, grants the right where the scenario says so, and logs in. */
  static async logIn(
    scenario: Scenario,
    targets: readonly Program[],
    databaseUrl: string,
  ): Promise<Sender> {
    const account = { email: 'bench@example.com', password: 'a long password of the bench' };
    const [first] = targets;
    if (!first) throw new Error('There is no process to send to');
    await post(`${first.url}/auth/register`, { ...account, name: 'Bench' });
    if (scenario.paying)
      await query(databaseUrl, `update identity.account set rights = '{provider:paid}'`);
    const answer = await post(`${first.url}/auth/login`, { ...account, token_delivery: 'body' });
    const { access_token: token } = (await answer.json()) as { access_token: string };
    return new Sender(scenario, targets, token);
  }

  /** Resolves when the time is over. `open` tells how many of the messages have not ended. */
  async run(open: () => Promise<number>): Promise<void> {
    const { arrivals, seconds } = this.#scenario;
    const deadline = performance.now() + seconds * 1_000;
    if ('per_second' in arrivals) await this.#steadily(arrivals.per_second, deadline);
    else await this.#fully(arrivals.window, deadline, open);
    if (this.#failure !== undefined) throw this.#failure as Error;
  }

  async #steadily(perSecond: number, deadline: number): Promise<void> {
    const since = performance.now();
    const posting = new Set<Promise<void>>();
    let due = 0;
    while (performance.now() < deadline) {
      const count = Math.floor(((performance.now() - since) * perSecond) / 1_000) - due;
      due += count;
      if (count > 0) {
        const one = this.#post(count).finally(() => posting.delete(one));
        posting.add(one);
      }
      await delay(TICK_MS);
    }
    await Promise.all(posting);
  }

  async #fully(window: number, deadline: number, open: () => Promise<number>): Promise<void> {
    while (performance.now() < deadline) {
      const room = window - (await open());
      if (room < PER_REQUEST) await delay(TICK_MS);
      else {
        const requests = Math.floor(room / PER_REQUEST);
        await Promise.all(Array.from({ length: requests }, () => this.#post(PER_REQUEST)));
      }
    }
  }

  async #post(count: number): Promise<void> {
    const living = this.#targets.filter((target) => target.isAlive);
    const target = living[(this.#turn += 1) % living.length];
    const message = { payload: 'bench', max_wait_ms: this.#scenario.max_wait_ms };
    const messages = Array.from({ length: count }, () => message);
    const headers = { authorization: this.#authorization };
    try {
      const answer = await post(`${target?.url ?? ''}/messages`, messages, headers);
      if (answer.status === 429) this.refused += count;
      else this.sent += count;
    } catch (error) {
      await delay(DEATH_IS_SEEN_MS);
      if (target?.isAlive) this.#failure ??= error; // else it was killed with the request
    }
  }
}

async function post(url: string, body: unknown, headers: object = {}): Promise<Response> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  if (!response.ok && response.status !== 429)
    throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return response;
}
