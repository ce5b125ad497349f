import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { requestManagement } from '../../scripts/services/management.ts';
import type { RabbitMqService } from '../support/services.js';
import { until } from '../support/until.js';

/** RabbitMQ tells of what is new every five seconds, of each thing in its own rhythm. */
const STEADY_MS = 1_000;
const DEADLINE_MS = 30_000;

export interface Open {
  readonly connections: number;
  readonly channels: number;
}

/** What is open on a RabbitMQ once that many connections are there and no channel comes or goes. */
export async function openOn({ managementUrl }: RabbitMqService, clients: number): Promise<Open> {
  const count = async (path: string) =>
    ((await requestManagement(new URL(managementUrl), 'GET', path)) as unknown[]).length;
  const look = async () => ({
    connections: await count('connections'),
    channels: await count('channels'),
  });
  const steady = async () => {
    const first = await look();
    await delay(STEADY_MS);
    const second = await look();
    const isSteady = first.connections === 2 * clients && isDeepStrictEqual(first, second);
    return isSteady ? second : undefined;
  };
  return until(steady, { withinMs: DEADLINE_MS, what: `two connections of each client` });
}
