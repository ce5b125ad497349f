/** Instances of three steps, each a task that the tasks module runs, and whose end moves the instance on. */
import { run } from './support/bench.ts';
import { CHAINS, measureWorkflow } from './support/workflows.ts';

await run((bench) => measureWorkflow(bench, CHAINS.jobs));
