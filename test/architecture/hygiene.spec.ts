import {
  adrsAreComplete,
  hygieneProblems,
  noMachinePaths,
  noRegistryHosts,
  nothingLeftForLater,
  plainLayout,
  shortReadme,
  sqlStaysInItsSchema,
} from '../../scripts/verify/hygiene.ts';

const file = (path: string, text = '') => ({ path, text });

const adr = (number: number, without = '') =>
  `# ${number}. A decision\n` +
  ['Status', 'Context', 'Decision', 'Consequences']
    .filter((section) => section !== without)
    .map((section) => `\n## ${section}\n\nText.\n`)
    .join('');

describe('hygiene', () => {
  it.each([
    [
      'a path of one machine',
      noMachinePaths,
      file('a.ts', `const dir = '/Users/jane/millrace/data';`),
    ],
    ['a path in a home', noMachinePaths, file('a.md', 'Open /home/jane/millrace.')],
    ['work left behind', nothingLeftForLater, file('a.ts', '// TODO: later')],
    ['work left broken', nothingLeftForLater, file('Makefile', '# FIXME')],
    [
      'a registry in the lock file',
      noRegistryHosts,
      file('package-lock.json', '  "resolved": "https://registry.example/pg.tgz",'),
    ],
    ['a registry in the settings of npm', noRegistryHosts, file('.npmrc', 'registry = https://x')],
    ['a long README', shortReadme, file('README.md', 'line\n'.repeat(150))],
    ['no README', shortReadme, file('a.ts')],
    ['an ADR without a section', adrsAreComplete, file('docs/adr/0001-a.md', adr(1, 'Context'))],
    ['an ADR with another number', adrsAreComplete, file('docs/adr/0002-a.md', adr(1))],
    ['an ADR whose title has another number', adrsAreComplete, file('docs/adr/0001-a.md', adr(7))],
    ['a long ADR', adrsAreComplete, file('docs/adr/0001-a.md', adr(1) + 'line\n'.repeat(40))],
    ['no ADR at all', adrsAreComplete, file('README.md')],
    ['a folder whose name says nothing', plainLayout, file('src/tasks/utils/time.ts')],
    ['a file that is not in kebab-case', plainLayout, file('src/tasks/taskRepository.ts')],
    ['a barrel inside a module', plainLayout, file('src/tasks/domain/index.ts')],
    ['a barrel of the kernel', plainLayout, file('src/kernel/index.ts')],
  ])('reports %s', (_problem, check, violating) => {
    expect(check([violating])).toHaveLength(1);
  });

  it.each([
    ['select * from tasks.task', 1],
    ['insert into "tasks"."task" values ($1)', 1],
    ['delete from bet_maker.bet', 1],
    ['select * from line_provider.event', 0],
  ])('counts the reaches out of its own schema in: %s', (sql, reaches) => {
    const files = [
      file('src/betting/line-provider/queries/list-events.ts', `query('${sql}')`),
      file('src/betting/bet-maker/bet.schema.ts'),
      file('src/tasks/task.schema.ts'),
    ];

    expect(sqlStaysInItsSchema(files)).toHaveLength(reaches);
  });

  it('finds nothing in a right repository', () => {
    const files = [
      file('README.md', 'See https://example.org/home/jane/ and `GET /root`.\n'),
      file('package-lock.json', '"node_modules/pg": { "version": "8.23.1" }'),
      file('docs/adr/0001-first.md', adr(1)),
      file('docs/adr/0002-second.md', adr(2)),
      file('src/tasks/index.ts'),
      file('src/betting/bet-maker/index.ts'),
      file('src/tasks/queries/list-tasks.ts', `query('select * from tasks.task')`),
      file('src/kernel/migrations/1763683200000-create-outbox.ts'),
      file('test/architecture/fixtures/lint/src/a.ts', '// TODO'),
    ];

    expect(hygieneProblems(files)).toEqual([]);
  });
});
