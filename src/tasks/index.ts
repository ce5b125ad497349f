export { CancelTask } from './commands/cancel-task.js';
export { CreateTasks } from './commands/create-tasks.js';
export { ListTaskKinds } from './queries/list-task-kinds.js';
export { TasksModule } from './tasks.module.js';
export {
  PermanentError,
  type TaskContext,
  TaskHandler,
  type TaskRunner,
} from './worker/task-handler.js';
export { CreateTasks1763683201000 } from './migrations/1763683201000-create-tasks.js';
export { AddTaskOwners1763683610000 } from './migrations/1763683610000-add-task-owners.js';
export { AddTaskReplies1763683710000 } from './migrations/1763683710000-add-task-replies.js';
export { CreateTaskSchedules1763683202000 } from './migrations/1763683202000-create-task-schedules.js';
