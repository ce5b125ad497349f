import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Texts of foreign senders are stored escaped, see `storable` in kernel/dead-letters. Headers are JSON text. */
export class CreateDeadLetters1763683400000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create table kernel.dead_letter (
      id uuid primary key,
      queue text not null,
      message_id text not null,
      exchange text not null,
      routing_key text not null,
      route text,
      headers text not null,
      content_type text not null,
      payload bytea not null,
      reply_to text,
      correlation_id text,
      reason text not null,
      reason_class text not null,
      attempts integer not null,
      deaths integer not null,
      first_at timestamptz not null,
      died_at timestamptz not null,
      state text not null default 'dead' check (state in ('dead', 'redriven')),
      redriven_at timestamptz
    )`);
    // A digest, because an id of a few kilobytes would fit into no index and could then not be stored at all.
    await runner.query(
      `create unique index dead_letter_message on kernel.dead_letter (md5(message_id), queue)`,
    );
    await runner.query(`create index dead_letter_died on kernel.dead_letter (died_at, id)`);
    await runner.query(`create index dead_letter_queue on kernel.dead_letter (queue, died_at, id)`);
    await runner.query(
      `create index dead_letter_dead on kernel.dead_letter (queue, died_at, id) where state = 'dead'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table kernel.dead_letter`);
  }
}
