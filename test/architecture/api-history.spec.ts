import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { API_DOCUMENTS, breakingChanges } from '../../scripts/verify/api-history.ts';

const folders: string[] = [];
afterEach(() => {
  folders.splice(0).forEach((folder) => {
    rmSync(folder, { recursive: true });
  });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'api-history-'));
  folders.push(folder);
  return folder;
}

/** A project with a git history of its own. */
class Project {
  readonly folder = newFolder();

  constructor() {
    this.git('init', '--quiet');
    mkdirSync(join(this.folder, 'docs'));
  }

  git(...args: string[]): void {
    const identity = ['-c', 'user.name=Somebody', '-c', 'user.email=somebody@example.com'];
    execFileSync('git', [...identity, ...args], { cwd: this.folder });
  }

  /** Both documents with these paths, as `npm run openapi` would write them. */
  write(version: string, ...paths: string[]): this {
    const document = {
      info: { version },
      paths: Object.fromEntries(paths.map((path) => [path, { get: {} }])),
    };
    API_DOCUMENTS.forEach((file) => {
      writeFileSync(join(this.folder, file), JSON.stringify(document));
    });
    return this;
  }

  commit(): this {
    this.git('add', '.');
    this.git('commit', '--quiet', '-m', 'Change the API');
    return this;
  }
}

describe('breaking changes', () => {
  it('are none when the API only grows', () => {
    const project = new Project().write('1', '/a').commit().write('1', '/a', '/b');
    expect(breakingChanges(project.folder)).toEqual({ ok: true, output: '' });
  });

  it('are reported with what broke, since when, and what to do', () => {
    const project = new Project().write('1', '/a', '/b').commit().write('1', '/a');
    const { ok, output } = breakingChanges(project.folder);
    expect(ok).toBe(false);
    expect(output).toMatch(
      /^docs\/openapi.json breaks what [0-9a-f]+ promised: GET \/b: removed$/m,
    );
    expect(output).toContain('raise the version in package.json and run `npm run openapi`');
  });

  it('are still reported when they were committed together with the documents', () => {
    const project = new Project().write('1', '/a', '/b').commit().write('1', '/a').commit();
    project.write('1', '/a', '/c').commit();
    expect(breakingChanges(project.folder)).toMatchObject({ ok: false });
  });

  it('are allowed with another version', () => {
    const project = new Project().write('1', '/a', '/b').commit().write('2', '/a').commit();
    expect(breakingChanges(project.folder).ok).toBe(true);
    project.write('2', '/c');
    expect(breakingChanges(project.folder).output).toContain('GET /a: removed');
    expect(breakingChanges(project.folder).output).not.toContain('GET /b');
  });

  it('are looked for as far back as a clone without history goes, which it says', () => {
    const origin = new Project().write('1', '/a', '/b').commit().write('1', '/a').commit();
    const folder = newFolder();
    execFileSync('git', ['clone', '--quiet', '--depth=1', `file://${origin.folder}`, folder]);
    const { ok, note } = breakingChanges(folder);
    expect([ok, note]).toEqual([true, expect.stringContaining('history is cut off')]);
  });

  it('are not overlooked because a document is missing', () => {
    expect(breakingChanges(new Project().folder)).toMatchObject({ ok: false });
  });
});
