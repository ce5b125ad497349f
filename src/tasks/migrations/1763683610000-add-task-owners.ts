import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Owner and key of a task never change, and both indexes leave out the tasks that have none: what runs without users pays
 * nothing for them.
 */
export class AddTaskOwners1763683610000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`alter table tasks.task add column owner_id uuid`);
    await runner.query(
      `create index task_owner on tasks.task (owner_id, id) where owner_id is not null`,
    );
    await runner.query(`drop index tasks.task_idempotency_key`);
    await runner.query(`create unique index task_idempotency_key on tasks.task (idempotency_key, owner_id)
      nulls not distinct where idempotency_key is not null`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop index tasks.task_idempotency_key`);
    await runner.query(`drop index tasks.task_owner`);
    await runner.query(`alter table tasks.task drop column owner_id`);
    await runner.query(`create unique index task_idempotency_key on tasks.task (idempotency_key)
      where idempotency_key is not null`);
  }
}
