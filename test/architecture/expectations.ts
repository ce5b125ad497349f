import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const PROJECT = join(import.meta.dirname, '../..');
export const FIXTURES = join(import.meta.dirname, 'fixtures');

/** One rule seen, or to be seen, in one file. Written `<file> <rule>` so that a failing diff reads well. */
export type Finding = `${string} ${string}`;

/**
 * What the files of a fixture tree say about themselves: a line `// expect: <rule>` per rule that must be
 * reported for the file. A file without such a line must be clean.
 */
export function expectedFindings(tree: string): Finding[] {
  return readdirSync(tree, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => {
      const lines = readFileSync(join(tree, file), 'utf8').matchAll(/^\/\/ expect: (\S+)$/gm);
      return [...lines].map(([, rule]): Finding => `${file} ${rule ?? ''}`);
    })
    .sort();
}

/** Findings without repetition, in the order that `expectedFindings` uses. */
export function distinct(findings: Finding[]): Finding[] {
  return [...new Set(findings)].sort();
}

export function rulesIn(findings: Finding[]): Set<string> {
  return new Set(findings.map((finding) => finding.slice(finding.indexOf(' ') + 1)));
}
