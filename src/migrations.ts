import { CreateMessages1763683702000, CreateQuota1763683204000 } from './providers/index.js';
import { CreateTasks1763683201000, CreateTaskSchedules1763683202000 } from './tasks/index.js';

/** The migrations of all modules; the kernel adds its own. */
export const migrations = [
  CreateTasks1763683201000,
  CreateTaskSchedules1763683202000,
  CreateQuota1763683204000,
  CreateMessages1763683702000,
];
