import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Read with the task that ends, and never looked for. */
export class AddTaskReplies1763683710000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`alter table tasks.task add column reply_to json`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`alter table tasks.task drop column reply_to`);
  }
}
