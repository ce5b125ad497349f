import comments from '@eslint-community/eslint-plugin-eslint-comments/configs';
import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { noFloatMoney } from './scripts/no-float-money.mjs';

// Sizes, async and typing rules come first, then the rules that only this project has. Each of those is a named rule,
// so that it can be disabled alone and with a reason; test/architecture/lint-rules.spec.ts sees every one of them fail.

const SPECS = ['**/*.spec.ts', 'test/**/*.contract.ts'];
const PROGRAM = 'src/**/*.ts';

/** A rule that reports what a selector (https://eslint.org/docs/latest/extend/selectors) matches. */
const forbid = (message, ...selectors) => ({
  meta: { type: 'problem', schema: [] },
  create: (context) => ({
    [selectors.join(', ')](node) {
      context.report({ node, message });
    },
  }),
});

const importOf = (source, ...names) =>
  names.map(
    (name) => `ImportDeclaration[source.value=${source}] > ImportSpecifier[imported.name=${name}]`,
  );

const millrace = {
  rules: {
    'no-ambient-time': forbid(
      'Time is passed in here, never read: take `now` as an argument.',
      'CallExpression[callee.object.name=/^(Date|performance)$/][callee.property.name="now"]',
      'CallExpression[callee.object.name="process"][callee.property.name="hrtime"]',
      'CallExpression[callee.name="Date"]',
      'NewExpression[callee.name="Date"][arguments.length=0]',
    ),
    'no-ambient-randomness': forbid(
      'Randomness and ids are passed in here, never drawn: take them as arguments.',
      'CallExpression[callee.object.name="Math"][callee.property.name="random"]',
      'CallExpression[callee.property.name=/^(randomUUID|getRandomValues|randomBytes|randomInt)$/]',
      'CallExpression[callee.name=/^(randomUUID|randomBytes|randomInt|uuidv7)$/]',
    ),
    'env-only-in-env-file': forbid(
      'Settings come from src/kernel/env.ts, where they are validated at boot; inject ENV.',
      'MemberExpression[object.name="process"][property.name="env"]',
      'MemberExpression[object.name="process"][property.value="env"]',
      'VariableDeclarator[init.name="process"] > ObjectPattern > Property[key.name="env"]',
      ...importOf('/^(node:)?process$/', 'env'),
    ),
    'no-sleep-in-specs': forbid(
      'A sleep is either too short or too long: await a signal, or poll with a deadline (test/support).',
      'CallExpression[callee.name=/^(setTimeout|setInterval|sleep)$/]',
      'CallExpression[callee.object.name=/^(globalThis|window|global)$/][callee.property.name=/^(setTimeout|setInterval)$/]',
      'ImportDeclaration[source.value=/^(node:)?timers(\\u002Fpromises)?$/]',
    ),
    'no-skipped-tests': forbid(
      'A test that is skipped or focused is a test that does not run.',
      'MemberExpression[object.name=/^(it|test|describe)$/][property.name=/^(skip|only|todo|failing)$/]',
      'MemberExpression[object.property.name="concurrent"][property.name=/^(skip|only)$/]',
      'CallExpression[callee.name=/^(xit|xtest|xdescribe|fit|fdescribe)$/]',
    ),
    'no-float-money': noFloatMoney,
    'no-amqp-client': forbid(
      'The AMQP client is used only in src/kernel/messaging, where confirms and reconnects are solved once.',
      'ImportDeclaration[source.value=/^amqp(lib|-connection-manager)/]',
      'ImportExpression[source.value=/^amqp(lib|-connection-manager)/]',
    ),
    'no-in-process-events': forbid(
      'A throwing handler of EventBus or a saga kills the process or silently stops: use the outbox.',
      ...importOf(
        '"@nestjs/cqrs"',
        '/^(EventBus|EventPublisher|EventsHandler|IEventHandler|Saga)$/',
      ),
    ),
    'no-silent-catch': forbid(
      'A rejected promise that nobody hears of is a bug that nobody finds: handle it, or log it.',
      'CallExpression[callee.property.name="catch"] > ArrowFunctionExpression > BlockStatement[body.length=0]',
      'CallExpression[callee.property.name="catch"] > ArrowFunctionExpression > Identifier.body[name="undefined"]',
      'CallExpression[callee.property.name="catch"] > ArrowFunctionExpression > Literal.body',
      'CallExpression[callee.property.name="catch"] > ArrowFunctionExpression > UnaryExpression[operator="void"]',
    ),
    'no-parallel-queries': forbid(
      'One transaction is one connection: parallel queries on it queue up, and go on after the first has failed.',
      'CallExpression[callee.object.name="Promise"][callee.property.name=/^(all|allSettled|race|any)$/]',
    ),
    'max-params': forbid(
      'More than four parameters: pass one object. (Constructors that Nest fills are free.)',
      'FunctionDeclaration[params.length>4]',
      'ArrowFunctionExpression[params.length>4]',
      ':not(MethodDefinition[kind="constructor"]) > FunctionExpression[params.length>4]',
      ':matches(ClassDeclaration, ClassExpression):not(:has(> Decorator)) > ClassBody > MethodDefinition[kind="constructor"] > FunctionExpression[params.length>4]',
    ),
    'plain-names': forbid(
      'Say what it is: no I, Base, Impl, Manager, Helper, Util or Data in the name of a type.',
      ':matches(ClassDeclaration, TSInterfaceDeclaration, TSTypeAliasDeclaration)[id.name=/^(I[A-Z][a-z]|Base[A-Z])|(Base|Impl|Manager|Helper|Helpers|Util|Utils|Data)$/]',
    ),
  },
};

const onlyHere = (name, files, ignores = []) => ({
  name: `millrace/${name}`,
  files,
  ignores,
  rules: { [`millrace/${name}`]: 'error' },
});

export default defineConfig(
  {
    name: 'ignored',
    ignores: ['dist/', 'coverage/', '.stand/', 'test/architecture/fixtures/', 'bench/peers/'],
  },
  {
    name: 'every disabled rule is needed',
    linterOptions: { reportUnusedDisableDirectives: 'error' },
  },
  js.configs.recommended,
  tseslint.configs.recommendedTypeChecked,
  comments.recommended,
  {
    name: 'all files',
    plugins: { millrace },
    // Each file is checked by the tsconfig.json nearest to it. With emitDecoratorMetadata on in there, the rule
    // consistent-type-imports leaves files with decorators alone: Nest needs those imports at run time.
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      complexity: ['error', { max: 10, variant: 'modified' }], // a flat switch counts as one
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'max-depth': ['error', 3],
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 45, skipBlankLines: true, skipComments: true }],
      'no-param-reassign': 'error',
      'no-template-curly-in-string': 'error',
      'millrace/max-params': 'error',
      'millrace/no-silent-catch': 'error',
      'millrace/plain-names': 'error',
      '@eslint-community/eslint-comments/disable-enable-pair': ['error', { allowWholeFile: true }],
      '@eslint-community/eslint-comments/no-unused-disable': 'off', // ESLint reports these itself
      '@eslint-community/eslint-comments/require-description': [
        'error',
        { ignore: ['eslint-enable'] },
      ],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-member-accessibility': ['error', { accessibility: 'no-public' }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/prefer-nullish-coalescing': [
        'error',
        { ignorePrimitives: { string: true, boolean: true } },
      ],
      '@typescript-eslint/require-await': 'off', // an async method of a port may have nothing to await
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/return-await': ['error', 'in-try-catch'],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: true },
      ],
    },
  },
  {
    name: 'the program logs through its logger',
    files: [PROGRAM],
    ignores: ['src/{create-admin,main,migrate,send}.ts'],
    rules: { 'no-console': 'error' },
  },
  onlyHere('no-ambient-time', ['src/**/{domain,definition,engine}/**/*.ts'], SPECS),
  onlyHere('no-ambient-randomness', ['src/**/{domain,definition,engine}/**/*.ts'], SPECS),
  onlyHere('env-only-in-env-file', [PROGRAM], ['src/kernel/env.ts', ...SPECS]),
  onlyHere('no-sleep-in-specs', SPECS),
  onlyHere('no-skipped-tests', ['src/**/*.ts', 'test/**/*.ts']),
  onlyHere('no-float-money', ['src/betting/**/*.ts'], SPECS),
  onlyHere('no-amqp-client', [PROGRAM], ['src/kernel/messaging/**', ...SPECS]),
  onlyHere('no-in-process-events', [PROGRAM]),
  onlyHere('no-parallel-queries', ['src/**/*.repository.ts', 'src/**/commands/**/*.ts'], SPECS),
  {
    name: 'specs',
    files: SPECS,
    rules: {
      'max-lines-per-function': 'off', // a describe block is a list, not a function to be held in mind
      '@typescript-eslint/no-non-null-assertion': 'off', // a wrong one fails the test, as it should
      '@typescript-eslint/unbound-method': 'off', // expect(object.method) does not call it
    },
  },
  {
    name: 'migrations',
    files: ['src/**/migrations/*.ts'],
    rules: { 'max-lines-per-function': 'off' }, // a list of statements, run once, from top to bottom
  },
  {
    name: 'plain JavaScript (configuration)',
    files: ['**/*.{js,cjs,mjs}'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: {
      globals: { console: 'readonly', module: 'readonly', process: 'readonly', URL: 'readonly' },
    },
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
);
