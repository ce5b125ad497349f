import { connect } from 'amqplib';
import type pg from 'pg';
import { pendingTimers } from './timers.js';
import { eventually } from './until.js';

/** Statements under way end by themselves; a transaction that stays open was forgotten. */
const PATIENCE = { withinMs: 5_000 };

export async function expectNoTransactions(pool: pg.Pool): Promise<void> {
  await eventually(async () => {
    const { rows } = await pool.query(
      `select query from pg_stat_activity where datname = current_database()
       and pid <> pg_backend_pid() and state like 'idle in transaction%'`,
    );
    expect({ openTransactions: rows }).toEqual({ openTransactions: [] });
  }, PATIENCE);
}

/** Of a stopped application: no connection to Postgres, no consumer on RabbitMQ. */
export async function expectNoConsumers(
  ground: { vhost: { url: string } | undefined },
  queues: readonly string[],
  pool: pg.Pool,
): Promise<void> {
  await eventually(async () => {
    const { rows } = await pool.query(
      `select application_name, query from pg_stat_activity where datname = current_database()
       and pid <> pg_backend_pid() and application_name like 'millrace%'`,
    );
    expect({ openConnections: rows }).toEqual({ openConnections: [] });
  }, PATIENCE);
  if (ground.vhost) await expectNoneOnRabbit(ground.vhost.url, queues);
}

/** When no application is left, so is no timer that would keep the process alive. */
export async function expectNoTimers(): Promise<void> {
  // This wait has a timer of its own, but not while it looks.
  await eventually(() => {
    expect({ timers: pendingTimers() }).toEqual({ timers: [] });
  }, PATIENCE);
}

async function expectNoneOnRabbit(url: string, queues: readonly string[]): Promise<void> {
  const connection = await connect(url);
  try {
    const channel = await connection.createChannel();
    await eventually(async () => {
      for (const queue of queues) {
        const { consumerCount } = await channel.checkQueue(queue);
        expect({ queue, consumerCount }).toEqual({ queue, consumerCount: 0 });
      }
    }, PATIENCE);
  } finally {
    await connection.close();
  }
}
