/** Instances of three steps, each a task that the tasks module runs, and whose event moves the instance on. */
import { run } from './support/bench.ts';
import { measureWorkflow } from './support/workflows.ts';

await run((bench) =>
  measureWorkflow(bench, {
    key: 'jobs',
    nodes: [
      { id: 'one', type: 'task', kind: 'task:noop' },
      { id: 'two', type: 'task', kind: 'task:noop' },
      { id: 'three', type: 'task', kind: 'task:noop', final: true },
    ],
    decisions: 4,
  }),
);
