import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { final, START, task, workflow } from '../../../test/support/workflow-instance.js';
import { compileWorkflow } from '../definition/compile.js';
import { workflowDraft } from '../definition/draft.js';
import type { WorkflowCommand } from './commands.js';
import { advance, type Accepted } from './decide.js';
import type { Effect } from './effects.js';
import { newInstance, storeState, type InstanceState } from './state.js';

const context = { now: new Date(0), config: {} };

function tell(
  definition: ReturnType<typeof workflow>,
  state: InstanceState,
  command: WorkflowCommand,
): Accepted {
  const decision = advance(definition, state, command, context);
  if ('rejection' in decision) throw new Error(decision.rejection.message);
  return decision;
}

const tokensOf = (effects: readonly Effect[], type: Effect['type']): number[] =>
  effects.flatMap((effect) => (effect.type === type && 'token' in effect ? [effect.token] : []));

describe('a large instance', () => {
  it('goes round a loop 100,000 times, and is no larger than after the first time', () => {
    const nodes = [START, task('a', { outcomes: ['again', 'enough'], final: ['enough'] })];
    const definition = workflow(nodes, ['start>a', 'a[again]>a']);
    const state = newInstance();
    let { effects } = tell(definition, state, { type: 'start' });
    const size = JSON.stringify(storeState(state)).length;
    let most = 0;
    for (let turn = 0; turn < 100_000; turn += 1) {
      const [token = -1] = tokensOf(effects, 'create_user_task');
      const decision = tell(definition, state, { type: 'complete', token, outcome: 'again' });
      ({ effects } = decision);
      most = Math.max(most, decision.events.length);
    }
    expect(most).toBe(3);
    expect(state.tokens.size).toBe(2);
    // Only the number of the next token has more digits.
    expect(JSON.stringify(storeState(state)).length).toBeLessThan(size + 20);
  });

  it('does a node 20,000 times, at the same few events for each', () => {
    const each = { count: 20_000 };
    const definition = workflow([START, final('a', { each })], ['start>a']);
    const state = newInstance();
    const { effects } = tell(definition, state, { type: 'start' });
    const tokens = tokensOf(effects, 'create_user_task');
    expect(tokens).toHaveLength(20_000);
    const last = tokens.pop() ?? -1;
    let most = 0;
    for (const token of tokens)
      most = Math.max(most, tell(definition, state, { type: 'complete', token }).events.length);
    expect(most).toBe(1);
    expect(tell(definition, state, { type: 'complete', token: last }).state.status).toBe(
      'completed',
    );
  });

  it('withdraws 20,000 tokens at once', () => {
    const each = { count: 20_000 };
    const definition = workflow([START, final('a', { each })], ['start>a']);
    const state = newInstance();
    tell(definition, state, { type: 'start' });
    const { effects } = tell(definition, state, { type: 'cancel' });
    expect(tokensOf(effects, 'cancel_user_task')).toHaveLength(20_000);
  });

  it('nests scopes 200 deep', () => {
    const scopes = Array.from({ length: 200 }, (_, i) => ({
      id: `s${i}`,
      type: 'scope',
      final: true,
      ...(i > 0 && { in: `s${i - 1}` }),
    }));
    const definition = workflow([START, ...scopes, final('a', { in: 's199' })], ['start>s0']);
    const state = newInstance();
    const { effects } = tell(definition, state, { type: 'start' });
    const [token = -1] = tokensOf(effects, 'create_user_task');
    expect(tell(definition, state, { type: 'complete', token }).state.status).toBe('completed');
  });

  it('is one of 50 that call each other', () => {
    const file = join(import.meta.dirname, '../../../examples/patterns/22-recursion.json');
    const definition = compileWorkflow(workflowDraft.parse(JSON.parse(readFileSync(file, 'utf8'))));
    const states: InstanceState[] = [];
    const waiting: number[] = [];
    for (let depth = 50; depth >= 0; depth -= 1) {
      const state = newInstance();
      const { effects } = tell(definition, state, { type: 'start', variables: { depth } });
      states.push(state);
      waiting.push(...tokensOf(effects, depth > 0 ? 'start_child' : 'create_job'));
    }
    for (const state of [...states].reverse()) {
      const token = waiting.pop() ?? -1;
      const { wait } = state.tokens.get(token) ?? {};
      const type = wait?.for === 'child' ? 'child_ended' : 'complete';
      const { effects } = tell(
        definition,
        state,
        type === 'complete' ? { type, token } : { type, token, status: 'completed' },
      );
      const [after] = tokensOf(effects, 'create_job');
      if (after !== undefined) tell(definition, state, { type: 'complete', token: after });
    }
    expect(states.map(({ status }) => status)).toEqual(
      Array.from({ length: 51 }, () => 'completed'),
    );
  });
});
