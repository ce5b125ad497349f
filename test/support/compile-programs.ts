import { copyFile } from 'node:fs/promises';
import { execa } from 'execa';

/** Where the programs of `src` and `test` are as JavaScript, with V8's cache of what it made of them. */
export const COMPILED = '.stand/compiled';

/**
 * Compiles what tests start as processes of their own: once per run, not at each of about a hundred starts. Jest calls it
 * before the first test.
 */
export default async function compilePrograms(): Promise<void> {
  const cwd = new URL('../../', import.meta.url);
  const options = ['--out-dir', COMPILED, '--config-file', '.swcrc', '--ignore', '**/*.spec.ts'];
  await execa('swc', ['src', 'test', ...options, '--quiet'], { cwd, preferLocal: true });
  await copyFile(new URL('package.json', cwd), new URL(`${COMPILED}/package.json`, cwd)); // names the version
}
