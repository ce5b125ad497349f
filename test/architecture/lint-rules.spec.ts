import { spawnSync } from 'node:child_process';
import { join, relative } from 'node:path';
import { distinct, expectedFindings, FIXTURES, PROJECT, rulesIn } from './expectations.js';

interface LintedFile {
  filePath: string;
  messages: { ruleId: string | null }[];
}

interface ConfigBlock {
  name?: string;
  rules?: Record<string, unknown>;
}

const tree = join(FIXTURES, 'lint');
const configFile = join(PROJECT, 'eslint.config.js');

/** Runs the program with the fixture tree as its root, so that `src/**` means the fixtures' own src. */
function lint(): LintedFile[] {
  const program = join(PROJECT, 'node_modules/eslint/bin/eslint.js');
  const run = spawnSync(
    process.execPath,
    [program, '--config', configFile, '--format', 'json', 'src'],
    { cwd: tree, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  );
  if (!run.stdout.startsWith('[')) throw new Error(run.stderr || run.stdout);
  return JSON.parse(run.stdout) as LintedFile[];
}

/** The rules that eslint.config.js turns on itself, beside those of the presets that it builds on. */
async function ownRules(): Promise<string[]> {
  const { default: blocks } = (await import(configFile)) as { default: ConfigBlock[] };
  const own = blocks.filter(
    ({ name }) => name !== undefined && !/^(eslint|typescript-eslint|@)/.test(name),
  );
  const rules = own.flatMap((block) => Object.entries(block.rules ?? {}));
  return rules.filter(([, setting]) => setting !== 'off').map(([rule]) => rule);
}

describe('lint rules', () => {
  it('report every violating fixture and nothing else', () => {
    const reported = lint().flatMap(({ filePath, messages }) =>
      messages.map(
        ({ ruleId }) => `${relative(tree, filePath)} ${ruleId ?? 'unused-disable'}` as const,
      ),
    );

    expect(distinct(reported)).toEqual(expectedFindings(tree));
  });

  it('of this project have a violating fixture each', async () => {
    const withFixture = rulesIn(expectedFindings(tree));
    const rules = await ownRules();

    expect(rules).toContain('millrace/no-ambient-time');
    expect(rules.filter((rule) => !withFixture.has(rule))).toEqual([]);
  });
});
