import { contractOf, type Part } from './api-contract.ts';
import { type Gap, gapsBetween } from './schema-gaps.ts';

/**
 * What a client of the older document can no longer rely on, one line each: where, and what broke. What is taken may
 * only become wider, what is given only narrower; fields, operations and messages may be added.
 */
export function breaksBetween(older: object, newer: object): string[] {
  const [before, after] = [contractOf(older), contractOf(newer)];
  return [...before].flatMap(([operation, parts]) => {
    const now = after.get(operation);
    if (!now) return [`${operation}: removed`];
    const broken = [...parts].flatMap(([name, part]) => {
      const other = now.get(name);
      if (!other) return goneBreaks(name, part);
      return partBreaks(name, { part, document: older }, { part: other, document: newer });
    });
    const demanded = [...now].filter(
      ([name, { direction, required }]) => direction === 'taken' && required && !parts.has(name),
    );
    return [...broken, ...demanded.map(([name]) => `${name}: new and required`)].map(
      (line) => `${operation}, ${line}`,
    );
  });
}

/** A parameter that is no longer looked at may still be sent; a body that is no longer taken may not. */
function goneBreaks(name: string, { direction }: Part): string[] {
  return direction === 'given' || name.startsWith('body ') ? [`${name}: removed`] : [];
}

interface Side {
  readonly part: Part;
  readonly document: object;
}

function partBreaks(name: string, older: Side, newer: Side): string[] {
  const isTaken = older.part.direction === 'taken';
  const demanded = isTaken && newer.part.required && !older.part.required;
  const [before, after] = [older, newer].map(({ part, document }) => ({
    schema: part.schema ?? {},
    document,
  }));
  if (!before || !after) return [];
  const gaps = isTaken
    ? gapsBetween(before, after, { unknownFieldsHurt: true })
    : gapsBetween(after, before, { unknownFieldsHurt: false });
  return [
    ...(demanded ? [`${name}: now required`] : []),
    ...[...new Set(gaps.map((gap) => lineOf(name, gap, isTaken)))],
  ];
}

function lineOf(name: string, { at, narrow, wide }: Gap, isTaken: boolean): string {
  const [now, before] = isTaken ? [wide, narrow] : [narrow, wide];
  return `${name}${at}: ${now}, was ${before}`;
}
