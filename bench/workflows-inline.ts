/** Instances of one step that the engine does itself: started, computed, ended and told of, in one transaction each. */
import { run } from './support/bench.ts';
import { CHAINS, measureWorkflow } from './support/workflows.ts';

await run((bench) => measureWorkflow(bench, CHAINS.inline));
