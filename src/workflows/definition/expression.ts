import { Environment, type ASTNode, type ParseResult } from '@marcbachmann/cel-js';
import type { Json, JsonObject } from './json.js';

/** Reads the names of an expression; what it does not know is undefined, and null in the expression. */
export type Lookup = (name: string) => unknown;

/** An expression that could not be computed. The message names the expression, so that people find it. */
export class ExpressionError extends Error {
  constructor(
    readonly source: string,
    reason: string,
  ) {
    super(`${reason} in ${source}`);
  }
}

/** Answers with JSON; throws {@link ExpressionError}. */
export type Expression = (lookup: Lookup) => Json;

/** CEL numbers of JSON are doubles, literals are ints; without these, `a + 1` has no overload. */
function withMixedNumbers(environment: Environment): Environment {
  const operators: Record<string, (a: number, b: number) => number> = {
    '+': (a, b) => a + b,
    '-': (a, b) => a - b,
    '*': (a, b) => a * b,
    '/': (a, b) => a / b,
    '%': (a, b) => a % b,
  };
  for (const [sign, compute] of Object.entries(operators)) {
    const mixed = (a: number | bigint, b: number | bigint): number => compute(Number(a), Number(b));
    environment.registerOperator(`int ${sign} double: double`, mixed);
    environment.registerOperator(`double ${sign} int: double`, mixed);
  }
  environment.registerOperator('double % double: double', (a: number, b: number) => a % b);
  return environment;
}

const environment = withMixedNumbers(
  new Environment({
    unlistedVariablesAreDyn: true,
    homogeneousAggregateLiterals: false,
    limits: { maxAstNodes: 2_000, maxDepth: 50 },
  }),
);

/** A map that computes what it holds: the way to give cel-js names without copying them for every evaluation. */
class Names extends Map<string, unknown> {
  lookup: Lookup = () => null;
  override get(name: string): unknown {
    return this.lookup(name) ?? null;
  }
}

const names = new Names();

/** The parts of cel-js' syntax tree that its types leave out; `setMeta` replaces how a node is evaluated. */
interface Evaluator {
  run(node: ASTNode, context: unknown): unknown;
}
type Evaluate = (evaluator: Evaluator, node: ASTNode, context: unknown) => unknown;
interface Replaceable {
  setMeta(key: 'evaluate', evaluate: Evaluate): unknown;
}

const isNode = (value: unknown): value is ASTNode =>
  typeof value === 'object' && value !== null && 'op' in value && 'setMeta' in value;

function member(value: unknown, key: unknown): unknown {
  if (typeof value !== 'object' || value === null) return null;
  if (value instanceof Map) return value.get(key) ?? null;
  const name = typeof key === 'bigint' ? Number(key) : key;
  if (typeof name !== 'string' && typeof name !== 'number') return null;
  return Object.hasOwn(value, name) ? ((value as Record<string, unknown>)[name] ?? null) : null;
}

const readMember: Evaluate = (evaluator, node, context) => {
  const [of, key] = node.args as [ASTNode, ASTNode | string];
  const value = evaluator.run(of, context);
  return member(value, typeof key === 'string' ? key : evaluator.run(key, context));
};

/** Makes `a.b` and `a[b]` null where CEL would throw: a variable that nobody has set yet is no mistake. */
function lenient(root: ASTNode): void {
  const waiting: unknown[] = [root];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (Array.isArray(node)) waiting.push(...(node as unknown[]));
    if (!isNode(node)) continue;
    if (node.op === '.' || node.op === '[]')
      (node as unknown as Replaceable).setMeta('evaluate', readMember);
    waiting.push(node.args);
  }
}

function parse(source: string): ParseResult {
  try {
    const parsed = environment.parse(source);
    lenient(parsed.ast);
    return parsed;
  } catch (error) {
    throw new ExpressionError(source, reasonOf(error));
  }
}

/** What is wrong with the syntax or the types of an expression, or undefined. */
export function expressionProblem(source: string): string | undefined {
  const { valid, error } = environment.check(withoutSign(source));
  return valid || error === undefined ? undefined : reasonOf(error);
}

/** Compiles at the first use, once: most expressions of most workflows are not reached in one process' life. */
export function compileExpression(source: string): Expression {
  const cel = withoutSign(source);
  let parsed: ParseResult | undefined;
  return (lookup) => {
    parsed ??= parse(cel);
    const outer = names.lookup;
    names.lookup = lookup;
    try {
      return toJson(parsed(names));
    } catch (error) {
      throw new ExpressionError(cel, reasonOf(error));
    } finally {
      names.lookup = outer;
    }
  };
}

/** Compiles an expression that must give true or false; null counts as false. */
export function compileCondition(source: string): (lookup: Lookup) => boolean {
  const evaluate = compileExpression(source);
  return (lookup) => {
    const value = evaluate(lookup) ?? false;
    if (typeof value === 'boolean') return value;
    throw new ExpressionError(source, `must give true or false, not ${JSON.stringify(value)},`);
  };
}

const withoutSign = (source: string): string => (source.startsWith('=') ? source.slice(1) : source);

const reasonOf = (error: unknown): string => {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0] ?? message;
};

function toJson(value: unknown): Json {
  switch (typeof value) {
    case 'string':
      return storable(value);
    case 'boolean':
      return value;
    case 'number':
    case 'bigint':
      return finite(Number(value));
    case 'undefined':
      return null;
    case 'object':
      return value === null ? null : objectToJson(value);
    default:
      throw new Error(`a ${typeof value} is no JSON`);
  }
}

function objectToJson(value: object): Json {
  if (Array.isArray(value)) return value.map(toJson);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Map) return objectOf(value.entries());
  const isPlain = Object.getPrototypeOf(value) === Object.prototype;
  return isPlain ? objectOf(Object.entries(value)) : numberOf(value);
}

function finite(value: number): number {
  if (!Number.isFinite(value)) throw new Error('the result is no finite number');
  return value;
}

const MOST_CHARACTERS = 1_000_000;

/** A text that doubles itself in a loop is soon larger than the memory, and not every text is one to Postgres. */
function storable(text: string): string {
  if (text.length > MOST_CHARACTERS)
    throw new Error(`the result is a text of more than ${String(MOST_CHARACTERS)} characters`);
  if (text.includes('\0') || !text.isWellFormed())
    throw new Error('the result holds U+0000 or half of a surrogate pair');
  return text;
}

function objectOf(entries: Iterable<[unknown, unknown]>): JsonObject {
  const object: JsonObject = {};
  for (const [key, value] of entries) object[storable(String(key))] = toJson(value);
  return object;
}

/** Durations become ISO 8601, so that they can be used where timers are; unsigned ints become numbers. */
function numberOf(value: object): Json {
  const plain = finite(Number(value));
  const kind = Object.prototype.toString.call(value);
  return kind.includes('Duration') ? `PT${String(plain / 1_000)}S` : plain;
}
