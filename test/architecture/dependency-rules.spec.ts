import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { distinct, expectedFindings, FIXTURES, PROJECT, rulesIn } from './expectations.js';

interface Rule {
  name: string;
  comment?: string;
  severity: string;
}

interface Cruise {
  summary: { violations: { from: string; rule: { name: string } }[] };
}

const tree = join(FIXTURES, 'dependencies');
const configFile = join(PROJECT, '.dependency-cruiser.cjs');
const { forbidden } = createRequire(import.meta.url)(configFile) as { forbidden: Rule[] };

/** Runs the program itself: it loads parsers in ways that the test runner's module sandbox does not offer. */
function cruise(): Cruise {
  const program = join(PROJECT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const run = spawnSync(
    process.execPath,
    [program, 'src', 'test', 'examples', '--config', configFile, '--output-type', 'json'],
    { cwd: tree, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  );
  if (!run.stdout.startsWith('{')) throw new Error(run.stderr || run.stdout);
  return JSON.parse(run.stdout) as Cruise;
}

describe('dependency rules', () => {
  it('report every violating fixture and nothing else', () => {
    const { violations } = cruise().summary;
    const reported = violations.map(({ from, rule }) => `${from} ${rule.name}` as const);

    expect(distinct(reported)).toEqual(expectedFindings(tree));
  });

  it('have a violating fixture each', () => {
    const withFixture = rulesIn(expectedFindings(tree));

    expect(forbidden.map(({ name }) => name).filter((name) => !withFixture.has(name))).toEqual([]);
  });

  it.each(forbidden)('$name is an error and states its reason', ({ comment, severity }) => {
    expect(severity).toBe('error');
    expect(comment?.length).toBeGreaterThan(40);
  });
});
