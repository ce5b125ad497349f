import type { TextFile } from './repository.ts';

/** Each check answers with one line per problem, so an empty list is a clean repository. */
type Check = (files: readonly TextFile[]) => string[];

/** Violating on purpose: they show that these very checks can fail. */
const EXEMPT = /^(test\/architecture\/fixtures\/|test\/architecture\/hygiene\.spec\.ts$)/;

const MACHINE_PATH = /(?<![\w.~$}-])\/(work|root|home\/\w+|Users\/\w+)\/[\w.-]/;
const LEFT_FOR_LATER = /\b(TO[D]O|FIX[M]E)\b/;
const VAGUE_FOLDER = /\/(impl|handlers|interfaces|types|common|utils?|shared|helpers?|dto)\//;
const KEBAB_FILE = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/;
const MODULE_FOLDER = /^src\/((?:betting\/)?(?!betting\/)[^/]+)\//;
const ADR_SECTIONS = ['Status', 'Context', 'Decision', 'Consequences'];

const lineCount = (text: string): number => text.trimEnd().split('\n').length;

const linesThat = (
  files: readonly TextFile[],
  pattern: RegExp,
  problem: (line: string) => string,
): string[] =>
  files.flatMap(({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, index) =>
        pattern.test(line) ? [`${path}:${index + 1} ${problem(line.trim().slice(0, 100))}`] : [],
      ),
  );

export const noMachinePaths: Check = (files) =>
  linesThat(files, MACHINE_PATH, (line) => `names a path of one machine: ${line}`);

export const nothingLeftForLater: Check = (files) =>
  linesThat(files, LEFT_FOR_LATER, (line) => `leaves work behind, open an issue instead: ${line}`);

/** The lock file must install from whichever registry a machine is set to. */
export const noRegistryHosts: Check = (files) => [
  ...linesThat(
    files.filter(({ path }) => path.endsWith('package-lock.json')),
    /"resolved": "(https?|git)/,
    (line) => `pins a registry: ${line}`,
  ),
  ...linesThat(
    files.filter(({ path }) => path.endsWith('.npmrc')),
    /registry\s*=/,
    (line) => `pins a registry: ${line}`,
  ),
];

export const shortReadme: Check = (files) => {
  const readme = files.find(({ path }) => path === 'README.md');
  if (readme === undefined) return ['README.md is missing'];
  const lines = lineCount(readme.text);
  return lines < 150 ? [] : [`README.md has ${lines} lines, 149 at most: move the rest to docs/`];
};

export const adrsAreComplete: Check = (files) => {
  const adrs = files.filter(({ path }) => path.startsWith('docs/adr/')).sort(byPath);
  if (adrs.length === 0) return ['docs/adr/ is empty'];
  return adrs.flatMap(({ path, text }, index) => {
    const number = String(index + 1).padStart(4, '0');
    const titled = new RegExp(`^# ${number.replace(/^0+/, '')}\\. \\S`);
    const problems = ADR_SECTIONS.filter((section) => !text.includes(`\n## ${section}\n`)).map(
      (section) => `${path} lacks the section ${section}`,
    );
    if (!new RegExp(`^docs/adr/${number}-[a-z0-9-]+\\.md$`).test(path))
      problems.push(`${path} should be number ${number}: numbers follow each other, once each`);
    if (!titled.test(text)) problems.push(`${path} should start with its number and title`);
    if (lineCount(text) > 40) problems.push(`${path} has more than 40 lines`);
    return problems;
  });
};

export const plainLayout: Check = (files) =>
  files
    .filter(({ path }) => path.startsWith('src/'))
    .flatMap(({ path }) => {
      const problems: string[] = [];
      if (VAGUE_FOLDER.test(path))
        problems.push(`${path} lies in a folder whose name says nothing`);
      if (
        !path
          .slice('src/'.length)
          .split('/')
          .every((part) => KEBAB_FILE.test(part))
      )
        problems.push(`${path} is not in kebab-case`);
      if (path.endsWith('/index.ts') && !isDoor(path))
        problems.push(`${path} is a barrel: only a module has an index.ts, its door`);
      return problems;
    });

const isDoor = (path: string): boolean =>
  path !== 'src/kernel/index.ts' && path.replace(MODULE_FOLDER, '') === 'index.ts';

/** A module's tables lie in the Postgres schema of its own name, and only its own SQL names them. */
export const sqlStaysInItsSchema: Check = (files) => {
  const owned = files.filter(({ path }) => MODULE_FOLDER.test(path) && !path.endsWith('.spec.ts'));
  const schemaOf = ({ path }: TextFile): string =>
    (MODULE_FOLDER.exec(path)?.[1] ?? '').replace('betting/', '').replaceAll('-', '_');
  const schemas = [...new Set(owned.map(schemaOf))];
  return owned.flatMap((file) => {
    const foreign = schemas.filter((schema) => schema !== schemaOf(file)).join('|');
    if (foreign === '') return [];
    const reach = new RegExp(
      `\\b(from|join|into|update|table|references|only)\\s+"?(${foreign})"?\\.["a-z]`,
      'i',
    );
    return linesThat([file], reach, (line) => `reaches into another module's schema: ${line}`);
  });
};

const byPath = (a: TextFile, b: TextFile): number => a.path.localeCompare(b.path);

const CHECKS: readonly Check[] = [
  noMachinePaths,
  nothingLeftForLater,
  noRegistryHosts,
  shortReadme,
  adrsAreComplete,
  plainLayout,
  sqlStaysInItsSchema,
];

/** Every problem of the repository that no other tool looks for. */
export function hygieneProblems(files: readonly TextFile[]): string[] {
  const checked = files.filter(({ path }) => !EXEMPT.test(path));
  return CHECKS.flatMap((check) => check(checked));
}
