import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateTaskSchedules1763683202000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create table tasks.schedule (
      id uuid primary key,
      name text not null constraint schedule_name unique,
      cron text not null,
      time_zone text not null,
      task json not null,
      missed text not null check (missed in ('skip', 'run_once')),
      paused boolean not null,
      next_run_at timestamptz,
      last_run_at timestamptz,
      last_task_id uuid,
      last_error json,
      created_at timestamptz not null,
      updated_at timestamptz not null
    )`);
    await runner.query(`create index schedule_due on tasks.schedule (next_run_at)
      where next_run_at is not null`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table tasks.schedule`);
  }
}
