/** Changes of an event that 10,000 connected users have bet on, from the broker to each of their streams. */
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { LineFeed, offerEvents, openWallets, startBetMaker } from './support/betting.ts';
import { run } from './support/bench.ts';
import { percentiles, rounded } from './support/percentiles.ts';
import { connectTo, numberSetting } from './support/services.ts';

const EVENT = 'bench-1';
const TIMEOUT_MS = 30_000;
const PAUSE_MS = 500;
const CONNECTING = 100;

/** Counts the changes that reach a socket. */
let received = 0;
let sentAt = 0;
const times: number[] = [];

await run(async (bench) => {
  const users = numberSetting('BENCH_USERS', 10_000);
  const changes = numberSetting('BENCH_CHANGES', 20);
  const database = await connectTo(bench.databaseUrl);
  const feed = await LineFeed.open(bench.amqpUrl);
  const sockets: Socket[] = [];
  try {
    await openWallets(database, users);
    await offerEvents(database, [EVENT]);
    await database.query(
      `insert into bet_maker.subscription select $1, owner_id from bet_maker.wallet`,
      [EVENT],
    );
    const { url } = await startBetMaker(bench, 'api,worker,relay');
    for (let first = 1; first <= users; first += CONNECTING) {
      const some = Array.from({ length: Math.min(CONNECTING, users - first + 1) }, (_, index) =>
        listen(url, `user-${first + index}`),
      );
      sockets.push(...(await Promise.all(some)));
    }
    bench.startClock();
    for (let version = 2; version <= changes + 1; version += 1) {
      sentAt = performance.now();
      await feed.change(EVENT, version);
      await untilReceived(users * (version - 1));
      await delay(PAUSE_MS);
    }
    bench.stopClock();
    const { p50, p99, max } = percentiles(times);
    return {
      value: rounded(p99),
      unit: 'ms, p99',
      items: received,
      figures: { users, changes, p50, p99, max },
    };
  } finally {
    for (const socket of sockets) socket.destroy();
    await feed.close();
    await database.end();
  }
});

/** Resolves with the connection once the stream has begun. */
function listen(url: string, user: string): Promise<Socket> {
  const { hostname, port, host } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  return new Promise((resolve, reject) => {
    let hasBegun = false;
    socket.once('error', reject);
    socket.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1');
      if (!hasBegun && text.includes('retry: ')) {
        hasBegun = true;
        resolve(socket);
      }
      if (!text.includes('event: event-changed')) return;
      received += 1;
      times.push(performance.now() - sentAt);
    });
    socket.write(
      `GET /me/updates HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${user}\r\n\r\n`,
    );
  });
}

async function untilReceived(count: number): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  while (received < count) {
    if (performance.now() > deadline) throw new Error(`${received} of ${count} updates arrived`);
    await delay(5);
  }
}
