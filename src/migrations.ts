import { CreateDeadLetters1763683400000 } from './kernel/migrations/1763683400000-create-dead-letters.js';
import { CreateIdempotency1763683300000 } from './kernel/migrations/1763683300000-create-idempotency.js';
import { CreateOutboxAndInbox1763683200000 } from './kernel/migrations/1763683200000-create-outbox-and-inbox.js';
import { CreateTasks1763683201000, CreateTaskSchedules1763683202000 } from './tasks/index.js';

/** Every migration of the program; TypeORM applies them in the order of their timestamps. */
export const migrations = [
  CreateOutboxAndInbox1763683200000,
  CreateTasks1763683201000,
  CreateTaskSchedules1763683202000,
  CreateIdempotency1763683300000,
  CreateDeadLetters1763683400000,
];
