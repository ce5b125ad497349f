import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { projectFolder } from '../services/folders.ts';
import { step } from './steps.ts';

const INPUTS = ['src/**/*.ts', 'package-lock.json', '.swcrc', 'nest-cli.json', 'tsconfig*.json'];
const digestFile = join(projectFolder, 'dist/.digest');

/** Builds when the sources differ from those of the last build; answers their digest. */
export async function build(): Promise<string> {
  const digest = sourceDigest();
  const isCurrent = existsSync(digestFile) && readFileSync(digestFile, 'utf8') === digest;
  if (!isCurrent) {
    await step('Build', () =>
      execa('npm', ['run', '--silent', 'build'], { cwd: projectFolder, all: true }),
    );
    writeFileSync(digestFile, digest);
  }
  return digest;
}

function sourceDigest(): string {
  const hash = createHash('sha256');
  const files = globSync(INPUTS, { cwd: projectFolder }).filter(
    (file) => !file.endsWith('.spec.ts'),
  );
  for (const file of files.sort())
    hash.update(file).update(readFileSync(join(projectFolder, file)));
  return hash.digest('hex');
}
