import { ActiveTurn } from '../../src/kernel/messaging/postgres/active-turn.js';
import { tcpProxy } from '../contract/tcp-proxy.js';
import { type Lease, testDatabase } from '../support/services.js';
import { until } from '../support/until.js';

describe('the turn to serve an ordered queue', () => {
  let lease: Lease;

  beforeAll(async () => {
    lease = await testDatabase({ template: 'empty' });
  });
  afterAll(() => lease.release());

  function turn(databaseUrl: string) {
    const heard: string[] = [];
    const active = new ActiveTurn({
      databaseUrl,
      queue: 'orders',
      logger: { warn: () => undefined },
      onGained: () => heard.push('gained'),
      onLost: () => heard.push('lost'),
    });
    return { active, heard };
  }

  it('belongs to one at a time, and passes on when it ends', async () => {
    const [one, other] = [turn(lease.url), turn(lease.url)];
    await one.active.start();
    await other.active.start();
    expect([one.active.isOurs, other.active.isOurs]).toEqual([true, false]);
    await one.active.stop();
    await until(() => other.active.isOurs);
    expect([one.heard, other.heard]).toEqual([['gained'], ['gained']]);
    await other.active.stop();
  });

  it('is given up when the line breaks without a word, and asked for again', async () => {
    const { hostname, port } = new URL(lease.url);
    const proxy = await tcpProxy({ host: hostname, port: Number(port) });
    const url = new URL(lease.url);
    url.host = `127.0.0.1:${String(proxy.port)}`;
    const { active, heard } = turn(url.href);
    await active.start();
    expect(active.isOurs).toBe(true);
    proxy.freeze();
    await until(() => heard.includes('lost'), { withinMs: 10_000 });
    expect(active.isOurs).toBe(false);
    proxy.thaw();
    await until(() => active.isOurs, { withinMs: 10_000 });
    expect(heard).toEqual(['gained', 'lost', 'gained']);
    await active.stop();
    await proxy.close();
  });
});
