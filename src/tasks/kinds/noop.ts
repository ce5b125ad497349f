import { TaskHandler, type TaskRunner } from '../worker/task-handler.js';

/** Does nothing, at once: to try a stand, and to measure everything around the work. */
@TaskHandler('noop')
export class Noop implements TaskRunner {
  run(): Promise<null> {
    return Promise.resolve(null);
  }
}
