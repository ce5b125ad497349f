/** Whether instances that only wait slow down those that move: the same run beside none, many and very many of them. */
import { run, variant } from './support/bench.ts';
import { CHAINS, measureParked } from './support/workflows.ts';

const PARKED = [0, 100_000, 250_000];

await run((bench) =>
  measureParked(bench, variant === 'jobs' ? CHAINS.jobs : CHAINS.inline, PARKED),
);
