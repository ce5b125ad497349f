/** How fast the machine is at the moment, in terms of what every other benchmark needs from it. */
import { randomUUID } from 'node:crypto';
import { connect } from 'amqplib';
import { type Bench, run } from './support/bench.ts';
import { declareQueue } from './support/events.ts';
import { rounded } from './support/percentiles.ts';
import { numberSetting } from './support/services.ts';

const WINDOW = 1_000;
const EXCHANGE = 'bench.machine';

await run(async (bench) => {
  const messages = numberSetting('BENCH_MESSAGES', 200_000);
  bench.startClock();
  const seconds = await publishAndConsume(bench, messages);
  bench.stopClock();
  return {
    value: rounded(messages / seconds),
    unit: 'messages/s',
    items: messages,
    figures: { messages },
  };
});

/** Small persistent messages through a quorum queue, confirmed in windows, while they are consumed. Answers seconds. */
async function publishAndConsume({ amqpUrl }: Bench, messages: number): Promise<number> {
  const connection = await connect(amqpUrl);
  try {
    const consuming = await connection.createChannel();
    const publishing = await connection.createConfirmChannel();
    await declareQueue(consuming, EXCHANGE, { exchange: EXCHANGE, routingKey: 'all' });
    await consuming.prefetch(4 * WINDOW);
    const body = Buffer.from(
      JSON.stringify({ id: randomUUID(), payload: 'of a usual length'.repeat(8) }),
    );
    const start = performance.now();
    const consumed = new Promise<void>((resolve) => {
      let count = 0;
      void consuming.consume(EXCHANGE, (message) => {
        count += 1;
        if (message && (count % 500 === 0 || count === messages)) consuming.ack(message, true);
        if (count === messages) resolve();
      });
    });
    for (let sent = 0; sent < messages; sent += WINDOW) {
      for (let i = 0; i < WINDOW; i += 1)
        publishing.publish('', EXCHANGE, body, { persistent: true });
      await publishing.waitForConfirms();
    }
    await consumed;
    return (performance.now() - start) / 1_000;
  } finally {
    await connection.close();
  }
}
