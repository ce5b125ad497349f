import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface TextFile {
  /** Relative to the project, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** The text files that git has or would take; binary, deleted and ignored files are left out. */
export function textFiles(project: string): TextFile[] {
  const listed = execFileSync(
    'git',
    ['ls-files', '-z', '--cached', '--others', '--exclude-standard'],
    {
      cwd: project,
      encoding: 'utf8',
    },
  );
  return [...new Set(listed.split('\0'))]
    .filter((path) => path !== '' && isFile(join(project, path)))
    .map((path) => ({ path, text: readFileSync(join(project, path), 'utf8') }))
    .filter(({ text }) => !text.includes('\0'));
}

const isFile = (path: string): boolean => existsSync(path) && statSync(path).isFile();
