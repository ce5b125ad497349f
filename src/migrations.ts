import { CreateIdentity1763683600000 } from './identity/index.js';
import {
  AddTaskOwners1763683610000,
  CreateTasks1763683201000,
  CreateTaskSchedules1763683202000,
} from './tasks/index.js';
import { CreateWorkflows1763683700000 } from './workflows/index.js';

/** The migrations of all modules; the kernel adds its own. */
export const migrations = [
  CreateTasks1763683201000,
  CreateTaskSchedules1763683202000,
  CreateIdentity1763683600000,
  AddTaskOwners1763683610000,
  CreateWorkflows1763683700000,
];
