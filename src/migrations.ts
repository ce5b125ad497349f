import { CreateBetMaker1763683206000 } from './betting/bet-maker/index.js';
import { CreateLineEvents1763683601000 } from './betting/line-provider/index.js';
import { CreateIdentity1763683600000 } from './identity/index.js';
import { CreateMessages1763683702000, CreateQuota1763683204000 } from './providers/index.js';
import {
  AddTaskOwners1763683610000,
  AddTaskReplies1763683710000,
  CreateTasks1763683201000,
  CreateTaskSchedules1763683202000,
} from './tasks/index.js';
import { CreateWorkflows1763683700000 } from './workflows/index.js';

/** The migrations of all modules; the kernel adds its own. */
export const migrations = [
  CreateTasks1763683201000,
  CreateTaskSchedules1763683202000,
  CreateQuota1763683204000,
  CreateIdentity1763683600000,
  AddTaskOwners1763683610000,
  AddTaskReplies1763683710000,
  CreateMessages1763683702000,
  CreateLineEvents1763683601000,
  CreateBetMaker1763683206000,
  CreateWorkflows1763683700000,
];
