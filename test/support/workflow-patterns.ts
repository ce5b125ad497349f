import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileWorkflow } from '../../src/workflows/definition/compile.js';
import { workflowDraft } from '../../src/workflows/definition/draft.js';
import type { WorkflowCommand } from '../../src/workflows/engine/commands.js';
import {
  simulate,
  type MockedEnding,
  type Simulation,
  type SimulationScript,
} from '../../src/workflows/engine/simulate.js';

const folder = join(import.meta.dirname, '../../examples/patterns');
export const patternFiles = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .sort();

export const patternList = readFileSync(join(folder, 'README.md'), 'utf8');

export const readPattern = (file: string): unknown =>
  JSON.parse(readFileSync(join(folder, file), 'utf8'));

/** Plays a pattern; nodes take the milliseconds given, and end with the outcomes given. */
export function playPattern(number: number, script: SimulationScript = {}): Simulation {
  const file = patternFiles.find((name) => name.startsWith(String(number).padStart(2, '0')));
  const draft = workflowDraft.parse(readPattern(file ?? ''));
  const endings = Object.fromEntries(
    draft.nodes
      .filter(({ type }) => type === 'task' || type === 'scope')
      .map(({ id }) => [id, script.endings?.[id] ?? {}]),
  );
  return simulate(compileWorkflow(draft), { ...script, endings });
}

/** What was done, in its order; starts and gateways left out. */
export const stepsOf = ({ steps: all }: Simulation): string =>
  all
    .map(({ node }) => node)
    .filter((node) => !/^(start|choose|choice|outer|inner|more|init)$/.test(node))
    .join(' ');

export const after = (after_ms: number, outcome?: string): MockedEnding =>
  outcome === undefined ? { after_ms } : { after_ms, outcome };
export const withOutcomes = (ms: number, ...outcomes: string[]): MockedEnding[] =>
  outcomes.map((outcome) => after(ms, outcome));
export const at = (after_ms: number, command: WorkflowCommand) => ({ after_ms, command });
export const message = (name: string, key?: string): WorkflowCommand =>
  key === undefined ? { type: 'message', name } : { type: 'message', name, key };
/** Far beyond the end of the test. */
export const NEVER = after(10 * 86_400_000);

export interface PatternCase {
  readonly pattern: number;
  readonly when: string;
  readonly script?: SimulationScript;
  /** Everything that is done, in this order, this often. */
  readonly expect: string;
  /** Default: completed. */
  readonly status?: 'running';
}
