import type { DecisionTable } from './draft.decision.js';
import { compileCondition, compileExpression, ExpressionError, type Lookup } from './expression.js';
import type { Json, JsonObject } from './json.js';
import { compileTemplate } from './template.js';

/** Answers with the outputs of the rule that holds, or a list or a number of them; null when none does. */
export type Decide = (lookup: Lookup) => Json;

interface Rule {
  readonly cells: readonly (readonly [column: string, holds: Cell])[];
  readonly outputs: (lookup: Lookup) => Json;
  readonly priority: number;
}

type Cell = (value: Json, lookup: Lookup) => boolean;

/**
 * Hit policies of DMN 1.5, 8.2.10. Throws {@link ExpressionError} when an expression fails, and when the rules that
 * hold break the policy: two under `unique`, or two that disagree under `any`.
 */
export function compileDecisionTable(table: DecisionTable): Decide {
  const columns = Object.entries(table.inputs).map(
    ([column, source]) => [column, compileExpression(source)] as const,
  );
  const rules = table.rules.map(compileRule);
  return (lookup) => {
    const values = new Map(columns.map(([column, compute]) => [column, compute(lookup)]));
    const holding = rules.filter((rule) =>
      rule.cells.every(([column, holds]) => holds(values.get(column) ?? null, lookup)),
    );
    return applyPolicy(table, holding, lookup);
  };
}

function compileRule(rule: DecisionTable['rules'][number]): Rule {
  return {
    cells: Object.entries(rule.when).map(([column, cell]) => [column, compileCell(cell)] as const),
    outputs: compileTemplate(rule.then),
    priority: rule.priority ?? 0,
  };
}

function compileCell(cell: string | number | boolean | null): Cell {
  if (cell === '-') return () => true;
  if (typeof cell !== 'string' || !cell.startsWith('=')) return (value) => value === cell;
  const holds = compileCondition(cell);
  return (value, lookup) => holds((name) => (name === 'value' ? value : lookup(name)));
}

function applyPolicy(table: DecisionTable, holding: readonly Rule[], lookup: Lookup): Json {
  const [first, ...more] = holding;
  const all = (): Json[] => holding.map((rule) => rule.outputs(lookup));
  switch (table.hit) {
    case 'first':
      return first?.outputs(lookup) ?? null;
    case 'unique':
      if (more.length > 0) throw brokenPolicy(`${holding.length} rules hold, where only one may`);
      return first?.outputs(lookup) ?? null;
    case 'any':
      return agreed(all());
    case 'priority':
      return highest(holding)?.outputs(lookup) ?? null;
    case 'rule_order':
      return all();
    case 'collect':
      return aggregate(table.aggregate, all());
  }
}

function agreed(outputs: readonly Json[]): Json {
  const [first = null] = outputs;
  const same = JSON.stringify(first);
  if (outputs.some((output) => JSON.stringify(output) !== same))
    throw brokenPolicy('the rules that hold disagree');
  return first;
}

const highest = (rules: readonly Rule[]): Rule | undefined =>
  rules.reduce<Rule | undefined>(
    (best, rule) => (best === undefined || rule.priority > best.priority ? rule : best),
    undefined,
  );

/** Each output is aggregated apart: `{ "points": 3 }` and `{ "points": 4 }` sum up to `{ "points": 7 }`. */
function aggregate(how: DecisionTable['aggregate'], outputs: readonly Json[]): Json {
  if (how === undefined) return [...outputs];
  if (how === '#') return outputs.length;
  const columns = new Map<string, number[]>();
  for (const output of outputs as JsonObject[])
    for (const [column, value] of Object.entries(output)) {
      if (typeof value !== 'number') throw brokenPolicy(`the output ${column} is no number`);
      columns.set(column, [...(columns.get(column) ?? []), value]);
    }
  const combine = {
    '+': (values: number[]) => values.reduce((sum, value) => sum + value, 0),
    '<': (values: number[]) => Math.min(...values),
    '>': (values: number[]) => Math.max(...values),
  }[how];
  return Object.fromEntries([...columns].map(([column, values]) => [column, combine(values)]));
}

const brokenPolicy = (reason: string): ExpressionError =>
  new ExpressionError('its decision table', reason);
