import { compileExpression, type Expression, type Lookup } from './expression.js';
import type { Json, JsonObject } from './json.js';

const PLACE = /\{\{(.*?)\}\}/gs;

/** The expressions in a value, each with its path in it; what validation looks at. */
export function expressionsIn(value: unknown, path = ''): { path: string; source: string }[] {
  if (typeof value === 'string') return sourcesOf(value).map((source) => ({ path, source }));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    expressionsIn(item, path === '' ? key : `${path}.${key}`),
  );
}

function sourcesOf(text: string): string[] {
  if (text.startsWith('=')) return [text.slice(1)];
  return [...text.matchAll(PLACE)].map(([, source = '']) => source.trim());
}

/** A value whose expressions are computed anew each time; what holds none is given as it is, uncopied. */
export function compileTemplate(value: Json): Expression {
  if (typeof value === 'string') return compileText(value);
  if (typeof value !== 'object' || value === null || expressionsIn(value).length === 0)
    return () => value;
  if (Array.isArray(value)) {
    const items = value.map(compileTemplate);
    return (lookup) => items.map((item) => item(lookup));
  }
  const fields = Object.entries(value).map(([key, item]) => [key, compileTemplate(item)] as const);
  return (lookup) => fieldsOf(fields, lookup);
}

function fieldsOf(fields: readonly (readonly [string, Expression])[], lookup: Lookup): JsonObject {
  const object: JsonObject = {};
  for (const [key, compute] of fields) object[key] = compute(lookup);
  return object;
}

function compileText(text: string): Expression {
  if (text.startsWith('=')) return compileExpression(text);
  if (!text.includes('{{')) return () => text;
  const parts: Expression[] = [];
  let end = 0;
  for (const match of text.matchAll(PLACE)) {
    const before = text.slice(end, match.index);
    if (before !== '') parts.push(() => before);
    parts.push(compileExpression((match[1] ?? '').trim()));
    end = match.index + match[0].length;
  }
  const after = text.slice(end);
  if (after !== '') parts.push(() => after);
  return (lookup) => parts.map((part) => shown(part(lookup))).join('');
}

const shown = (value: Json): string => {
  if (typeof value === 'string') return value;
  return value === null ? '' : JSON.stringify(value);
};
