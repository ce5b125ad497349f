import type { CompiledCriterion, Correlation, Work } from './compiled.js';
import { compileDecisionTable } from './decision-table.js';
import type { CriterionSpec, NodeDraft, NodeOf } from './draft.js';
import { compileCondition } from './expression.js';
import { compileTemplate } from './template.js';
import { compileTimer } from './timer.js';

const PASS: Work = { does: 'pass' };

/** What a node does. A `set` task takes its config as variables; kinds the engine does not know are modules. */
export function compileWork(node: NodeDraft): Work {
  switch (node.type) {
    case 'start':
    case 'gateway':
      return PASS;
    case 'task':
      return taskWork(node);
    case 'wait':
      return waitWork(node);
    case 'emit':
      return emitWork(node);
    case 'scope':
      return scopeWork(node);
    case 'end':
      return node.error ? throwing('error', node.error.code, node.error.message) : { does: 'end' };
  }
}

function taskWork({ kind, config = {}, table }: NodeOf<'task'>): Work {
  if (kind === 'set') return { does: 'set', values: compileTemplate(config) };
  if (kind === 'decision' && table) return { does: 'decide', table: compileDecisionTable(table) };
  return { does: 'module', kind, config: compileTemplate(config) };
}

function waitWork(node: NodeOf<'wait'>): Work {
  const { timer, message, signal, condition, criteria, need = 'all' } = node;
  if (timer !== undefined) return { does: 'timer', timer: compileTimer(timer) };
  if (message) return { does: 'message', from: compileCorrelation(message) };
  if (signal) return { does: 'signal', from: compileCorrelation(signal) };
  if (condition !== undefined) return { does: 'condition', holds: compileCondition(condition) };
  const compiled = (criteria ?? []).map(compileCriterion);
  return { does: 'criteria', criteria: compiled, need: need === 'all' ? compiled.length : need };
}

function emitWork(node: NodeOf<'emit'>): Work {
  const { message, signal, error, escalation, compensation } = node;
  if (message) return sending('message', message);
  if (signal) return sending('signal', signal);
  if (error) return throwing('error', error.code, error.message);
  if (escalation) return throwing('escalation', escalation.code, escalation.data);
  return compensation === undefined ? PASS : { does: 'compensate', node: compensation };
}

function scopeWork({ call }: NodeOf<'scope'>): Work {
  if (!call) return { does: 'scope' };
  const input = compileTemplate(call.input ?? {});
  return { does: 'call', workflow: compileTemplate(call.workflow), input };
}

type Sent = NonNullable<NodeOf<'emit'>['message']>;

function sending(what: 'message' | 'signal', { data = null, ...to }: Sent): Work {
  return { does: 'send', what, to: compileCorrelation(to), data: compileTemplate(data) };
}

type Detail = NonNullable<NodeOf<'emit'>['escalation']>['data'];

function throwing(what: 'error' | 'escalation', code: string, detail: Detail = null): Work {
  return { does: 'throw', what, code: compileTemplate(code), detail: compileTemplate(detail) };
}

/** Names and keys may be expressions, so that each instance waits for its own. */
export function compileCorrelation(spec: { name: string; key?: string | undefined }): Correlation {
  return {
    name: compileTemplate(spec.name),
    key: spec.key === undefined ? undefined : compileTemplate(spec.key),
  };
}

export function compileCriterion(spec: CriterionSpec): CompiledCriterion {
  return {
    signal: compileCorrelation({ name: spec.signal, key: spec.key }),
    holds: compileCondition(spec.when),
    ttl: spec.ttl === undefined ? undefined : compileTimer(spec.ttl),
  };
}
