import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { breaksBetween } from './api-breaks.ts';

/** Both are written by `npm run openapi`. */
export const API_DOCUMENTS = ['docs/openapi.json', 'docs/asyncapi.json'];

/** Versions of a document to go back to at most, so that the check stays quick in a long history. */
const MAX_VERSIONS = 50;

const CUT_OFF =
  'The git history is cut off here: older copies of the API documents were not compared.';

interface Verdict {
  readonly ok: boolean;
  readonly output: string;
  /** Worth knowing also when nothing is wrong. */
  readonly note?: string;
}

interface Published {
  readonly commit: string;
  readonly document: object;
}

/**
 * Compares each document as it lies in the working tree with every copy of it in the git history that has the same
 * `info.version`. Developers regenerate before they commit, so the last commit alone would forgive every break one
 * commit later. A clone without the older history is compared with what it has, and says so.
 */
export function breakingChanges(project: string): Verdict {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: project, encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 });
  const isCutOff = git('rev-parse', '--is-shallow-repository').trim() === 'true';
  const breaks = API_DOCUMENTS.flatMap((file) => breaksOf(project, file, git));
  const advice =
    'Clients of this version rely on it: restore it, or raise the version in package.json and run `npm run openapi`.';
  return {
    ok: breaks.length === 0,
    output: breaks.length === 0 ? '' : [...breaks, advice].join('\n'),
    ...(isCutOff ? { note: CUT_OFF } : {}),
  };
}

function breaksOf(project: string, file: string, git: (...args: string[]) => string): string[] {
  const path = join(project, file);
  if (!existsSync(path)) return [`${file} is missing: run \`npm run openapi\``];
  const present = parse(readFileSync(path, 'utf8'));
  const found = new Map<string, string>();
  for (const { commit, document } of published(file, git)) {
    if (versionOf(document) !== versionOf(present)) continue;
    for (const line of breaksBetween(document, present)) found.set(line, found.get(line) ?? commit);
  }
  return [...found].map(([line, commit]) => `${file} breaks what ${commit} promised: ${line}`);
}

/** The committed copies, newest first; commits that deleted the file have none. */
function published(file: string, git: (...args: string[]) => string): Published[] {
  const log = git('log', `-${MAX_VERSIONS}`, '--format=%h', '--diff-filter=AM', '--', file);
  return log
    .split('\n')
    .filter((commit) => commit !== '')
    .map((commit) => ({ commit, document: parse(git('show', `${commit}:${file}`)) }));
}

function parse(text: string): object {
  return JSON.parse(text) as object;
}

function versionOf(document: object): unknown {
  return (document as { info?: { version?: unknown } }).info?.version;
}
