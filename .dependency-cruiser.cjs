// The architecture as rules. Every rule has a violating fixture under test/architecture/fixtures/dependencies,
// and test/architecture/dependency-rules.spec.ts fails for a rule that lacks one.

/** Who may know whom, beside the kernel, which everybody may know. A new module is added here first. */
const MAY_KNOW = {
  identity: [],
  tasks: [],
  workflows: ['tasks', 'identity'],
  providers: ['identity', 'tasks'],
  simulators: [],
  'betting/line-provider': ['identity'],
  'betting/bet-maker': ['identity'],
};

/** Libraries that compute and do nothing else, so `domain/`, `definition/` and `engine/` may use them. */
const PURE_LIBRARIES = ['@marcbachmann/cel-js', 'croner', 'zod'];

/** Node's own modules that touch no file, socket, clock or process. */
const PURE_NODE_MODULES = ['assert', 'buffer', 'crypto', 'util'];

const SPEC = '\\.spec\\.ts$';
const MODULE = '(betting/[^/]+|[^/]+)'; // the betting contexts lie one folder deeper
const INSIDE_MODULES = '^src/(?!kernel/)[^/]+/';
const PURE = '^src/.+/(?:domain|definition|engine)/';
const STORAGE_FILES = [
  '\\.repository\\.ts$',
  '\\.schema\\.ts$',
  '^src/.+/queries/',
  '^src/.+/migrations/',
];

const npm = (...names) => `(^|/)node_modules/(@types/)?(${names.join('|')})/`;
const coreModules = (names) => `^(node:)?(${names.join('|')})(/|$)`;

const whoMayKnowWhom = Object.entries(MAY_KNOW).map(([name, known]) => ({
  name: `${name.replace('/', '-')}-knows-only-its-own`,
  comment:
    `${name} may know the kernel${known.length > 0 ? ` and ${known.join(', ')}` : ' and no other module'}. ` +
    'Contexts that know each other only in one direction can be changed, run and scaled apart; the rest goes by message.',
  severity: 'error',
  from: { path: `^src/${name}/`, pathNot: SPEC },
  to: {
    path: '^src/[^/]+/',
    pathNot: ['kernel', name, ...known].map((allowed) => `^src/${allowed}/`),
  },
}));

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment:
        'Files in a cycle can only be understood, tested and initialised together; under ESM a cycle also reads classes before they exist.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'A file that nothing imports and that imports nothing is dead.',
      severity: 'error',
      from: { orphan: true, path: '^src/', pathNot: ['\\.d\\.ts$', SPEC] },
      to: {},
    },
    {
      name: 'no-unresolvable',
      comment: 'An import that cannot be resolved escapes every other rule.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'module-door',
      comment:
        'Modules meet at index.ts (commands, queries, events) or by message, so the inside of a module can change without asking its neighbours.',
      severity: 'error',
      from: { path: `^src/${MODULE}`, pathNot: SPEC },
      to: {
        path: `${INSIDE_MODULES}.+`,
        pathNot: ['^src/$1/', `^src/${MODULE}/index\\.ts$`],
      },
    },
    {
      name: 'no-own-door',
      comment:
        'A module that imports its own index.ts from inside makes a cycle through everything it exports.',
      severity: 'error',
      from: { path: `^src/${MODULE}/`, pathNot: SPEC },
      to: { path: '^src/$1/index\\.ts$' },
    },
    {
      name: 'module-on-the-map',
      comment:
        'A new folder under src/ states in MAY_KNOW whom it may know before it imports anybody.',
      severity: 'error',
      from: {
        path: INSIDE_MODULES,
        pathNot: [...Object.keys(MAY_KNOW).map((name) => `^src/${name}/`), SPEC],
      },
      to: { path: '^src/' },
    },
    ...whoMayKnowWhom,
    {
      name: 'kernel-knows-no-module',
      comment:
        'The kernel carries every module; one business word in it and it can carry only that one.',
      severity: 'error',
      from: { path: '^src/kernel/' },
      to: { path: '^src/(?!kernel/)' },
    },
    {
      name: 'nothing-imports-the-root',
      comment:
        'main, app.module and the other files at the root of src put the modules together; whatever imports them pulls in the whole program.',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: SPEC },
      to: { path: '^src/[^/]+\\.ts$' },
    },
    {
      name: 'pure-domain-own-code',
      comment:
        'domain/, definition/ and engine/ decide from what they are given. They may import only their own module’s and kernel/domain; all else is I/O or wiring.',
      severity: 'error',
      from: { path: `^src/${MODULE}/.*\\b(?:domain|definition|engine)/`, pathNot: SPEC },
      to: {
        path: '^src/',
        pathNot: ['^src/$1/.*\\b(?:domain|definition|engine)/', '^src/kernel/domain/'],
      },
    },
    {
      name: 'pure-domain-libraries',
      comment:
        'No Nest, TypeORM, driver or logger in domain/, definition/ and engine/: a library that only computes is added to PURE_LIBRARIES by decision.',
      severity: 'error',
      from: { path: PURE, pathNot: SPEC },
      to: { path: '(^|/)node_modules/', pathNot: npm(...PURE_LIBRARIES) },
    },
    {
      name: 'pure-domain-node',
      comment:
        'Files, sockets, clocks and processes do not belong in domain/, definition/ and engine/: their specs need nothing and run in milliseconds.',
      severity: 'error',
      from: { path: PURE, pathNot: SPEC },
      to: { dependencyTypes: ['core'], pathNot: coreModules(PURE_NODE_MODULES) },
    },
    {
      name: 'sql-in-its-place',
      comment:
        'TypeORM and kernel/persistence are for repositories, queries/, *.schema.ts, migrations/ and (to register them) *.module.ts, so a reviewer finds all SQL of a module in a handful of files.',
      severity: 'error',
      from: { path: INSIDE_MODULES, pathNot: [...STORAGE_FILES, '\\.module\\.ts$', SPEC] },
      to: { path: ['^src/kernel/persistence/', npm('typeorm')] },
    },
    {
      name: 'connection-from-the-unit-of-work',
      comment:
        'A connection taken from a pool instead of the Unit of Work runs outside the transaction, so modules reach neither pg nor its pools.',
      severity: 'error',
      from: { path: INSIDE_MODULES, pathNot: SPEC },
      to: { path: npm('pg', 'pg-pool', 'pg-cursor') },
    },
    {
      name: 'controllers-never-touch-storage',
      comment:
        'A controller parses, executes and returns. Storage in it bypasses the mediator, and with it the transaction, the retries and the outbox.',
      severity: 'error',
      from: { path: '\\.controller\\.ts$' },
      to: {
        path: [
          '\\.repository\\.ts$',
          '\\.schema\\.ts$',
          '^src/kernel/(persistence|outbox|inbox)/',
          npm('typeorm', 'pg', '@nestjs/typeorm'),
        ],
      },
    },
    {
      name: 'broker-client-only-in-messaging',
      comment:
        'Confirms, reconnects and settlement are solved once, in kernel/messaging; a second channel elsewhere loses messages in its own way.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/kernel/messaging/', SPEC] },
      to: { path: npm('amqplib', 'amqp-connection-manager', 'pg-boss') },
    },
    {
      name: 'shared-store-only-in-kernel',
      comment:
        'Redis is optional: Postgres stands in for it behind a port of the kernel. A module that imports the client would not start without Redis.',
      severity: 'error',
      from: { path: INSIDE_MODULES, pathNot: SPEC },
      to: { path: npm('ioredis') },
    },
    {
      name: 'program-knows-no-tests',
      comment: 'The image carries src only; tests, scripts and benchmarks are not in it.',
      severity: 'error',
      from: { path: '^src/', pathNot: SPEC },
      to: { path: '^(test|scripts|bench|examples)/|\\.spec\\.ts$' },
    },
    {
      name: 'test-double-only-in-tests',
      comment:
        'kernel/messaging/testing keeps messages in memory; a program that loads it would lose them with the process.',
      severity: 'error',
      from: { path: '^(src|examples)/', pathNot: ['^src/kernel/messaging/testing/', SPEC] },
      to: { path: '^src/kernel/messaging/testing/' },
    },
    {
      name: 'examples-know-only-the-kernel',
      comment:
        'An example is what another team would write: it stands on the kernel alone, and no module is dragged into its program.',
      severity: 'error',
      from: { path: '^examples/', pathNot: [SPEC, '^examples/workflow-module/'] },
      to: { path: '^(src/(?!kernel/)|test/|bench/)' },
    },
    {
      name: 'examples-come-through-doors',
      comment:
        'An example that adds to the whole program builds on its root and on the doors of modules, as another team would; what is behind them may change.',
      severity: 'error',
      from: { path: '^examples/workflow-module/', pathNot: SPEC },
      to: {
        path: '^(src/(?!kernel/)|test/|bench/)',
        pathNot: [`^src/${MODULE}/index\\.ts$`, '^src/(app\\.module|migrate)\\.ts$'],
      },
    },
    {
      name: 'no-dev-dependencies-in-the-program',
      comment: 'The image is installed with --omit=dev: such an import fails only in production.',
      severity: 'error',
      from: { path: '^src/', pathNot: SPEC },
      to: {
        dependencyTypes: ['npm-dev'],
        dependencyTypesNot: ['type-only'],
        pathNot: '(^|/)node_modules/@types/',
      },
    },
    {
      name: 'no-undeclared-dependencies',
      comment:
        'A package that only another package brings in can vanish with the next update of that one.',
      severity: 'error',
      from: { path: '^(src|scripts|test|examples)/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|coverage|test/architecture/fixtures)/' },
    tsPreCompilationDeps: true, // a type import is knowledge, too
    tsConfig: { fileName: 'tsconfig.json' },
    skipAnalysisNotInRules: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      mainFields: ['main', 'types'],
    },
  },
};
