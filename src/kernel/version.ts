import { readFileSync } from 'node:fs';

const manifest = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string };

/** The version in package.json: that of the program, and of the API documents that it serves. */
export const VERSION = manifest.version;
