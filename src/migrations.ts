import { CreateBetMaker1763683206000 } from './betting/bet-maker/index.js';
import { CreateTasks1763683201000, CreateTaskSchedules1763683202000 } from './tasks/index.js';

/** The migrations of all modules; the kernel adds its own. */
export const migrations = [
  CreateTasks1763683201000,
  CreateTaskSchedules1763683202000,
  CreateBetMaker1763683206000,
];
