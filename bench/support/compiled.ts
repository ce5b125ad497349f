import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { projectFolder } from '../../scripts/services/folders.ts';

export const compiledFolder = join(projectFolder, 'dist');

/**
 * A module of the built program, which may not be built when types are checked, so its types are those of its source:
 * `import type * as App from '../../src/app.js'` and `compiled<typeof App>('app.js')`.
 */
export async function compiled<Module>(file: string): Promise<Module> {
  return (await import(pathToFileURL(join(compiledFolder, file)).href)) as Module;
}
