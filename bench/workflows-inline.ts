/** Instances of one step that the engine does itself: started, computed, ended and told of, in one transaction each. */
import { run } from './support/bench.ts';
import { measureWorkflow } from './support/workflows.ts';

await run((bench) =>
  measureWorkflow(bench, {
    key: 'inline',
    nodes: [{ id: 'twice', type: 'task', kind: 'set', config: { n: '=n * 2' }, final: true }],
    decisions: 1,
  }),
);
