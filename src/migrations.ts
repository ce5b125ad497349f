import { CreateLineEvents1763683601000 } from './betting/line-provider/index.js';
import { CreateTasks1763683201000, CreateTaskSchedules1763683202000 } from './tasks/index.js';

/** The migrations of all modules; the kernel adds its own. */
export const migrations = [
  CreateTasks1763683201000,
  CreateTaskSchedules1763683202000,
  CreateLineEvents1763683601000,
];
