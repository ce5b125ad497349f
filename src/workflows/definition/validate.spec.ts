import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { patternFiles, readPattern } from '../../../test/support/workflow-patterns.js';
import { workflowJsonSchema } from './draft.js';
import { validateWorkflow } from './validate.js';

const START = { id: 'start', type: 'start' };
const task = (id: string, more: object = {}): object => ({
  id,
  type: 'task',
  kind: 'human',
  ...more,
});

/** Codes of the findings, with the node where there is one. */
function findings(nodes: object[], flows: object[], more: object = {}): string[] {
  return validateWorkflow({ key: 'test', nodes, flows, ...more }).map(
    ({ code, node, flow, severity }) =>
      `${severity === 'error' ? '' : '? '}${code} ${node ?? flow ?? ''}`.trim(),
  );
}

const flow = (from: string, to: string, more: object = {}): object => ({ from, to, ...more });

describe('the findings of a draft', () => {
  it('are none for a sequence of two tasks', () => {
    const draft = {
      key: 'order',
      nodes: [START, task('pack'), task('send', { final: true })],
      flows: [flow('start', 'pack'), flow('pack', 'send')],
    };
    expect(validateWorkflow(draft)).toEqual([]);
  });

  it('name the node of a field that the schema does not know', () => {
    const [finding] = validateWorkflow({
      key: 'test',
      nodes: [START, task('a', { finale: true })],
      flows: [],
    });
    expect(finding).toMatchObject({ code: 'schema', node: 'a' });
    expect(finding?.message).toMatch(/finale/);
  });

  it.each<[string, object[], object[], string[]]>([
    [
      'two nodes of one id',
      [START, START],
      [],
      ['duplicate-node start', 'outcome-without-flow start', 'outcome-without-flow start'],
    ],
    ['a flow to nowhere', [START], [flow('start', 'b')], ['flow-to-nowhere start']],
    [
      'an unknown outcome',
      [START, task('a', { final: true })],
      [flow('start', 'a'), flow('a', 'a', { on: 'rejected' })],
      ['unknown-outcome a'],
    ],
    [
      'an outcome without a flow',
      [START, task('a', { outcomes: ['yes', 'no'] })],
      [flow('start', 'a'), flow('a', 'a', { on: 'no' })],
      ['outcome-without-flow a'],
    ],
    ['no start', [task('a')], [flow('a', 'a')], ['no-start']],
    [
      'a node that nothing leads to',
      [START, task('a', { final: true }), task('b'), task('c')],
      [flow('start', 'a'), flow('b', 'c'), flow('c', 'b')],
      ['unreachable-node b', 'unreachable-node c'],
    ],
    [
      'a broken condition',
      [START, task('a', { final: true })],
      [flow('start', 'a', { when: 'x >' })],
      ['broken-expression start'],
    ],
    [
      'a broken expression in a config',
      [START, task('a', { final: true, config: { title: 'Look at {{ x + }}' } })],
      [flow('start', 'a')],
      ['broken-expression a'],
    ],
    [
      'a broken duration',
      [START, task('a', { final: true, due: '2 days' })],
      [flow('start', 'a')],
      ['broken-timer a'],
    ],
    [
      'a wait for nothing',
      [START, { id: 'a', type: 'wait', final: true }],
      [flow('start', 'a')],
      ['one-of a'],
    ],
    [
      'a start by two things',
      [{ ...START, timer: 'PT1H', message: { name: 'm' } }, task('a', { final: true })],
      [flow('start', 'a')],
      ['one-of start'],
    ],
    [
      'a start by an expression, before there is anything to read',
      [{ ...START, message: { name: 'm', key: '=order' } }, task('a', { final: true })],
      [flow('start', 'a')],
      ['trigger-not-constant start'],
    ],
    [
      'a message that starts a scope',
      [
        START,
        { id: 's', type: 'scope', final: true },
        { id: 'in_s', type: 'start', in: 's', message: { name: 'm' } },
        task('a', { in: 's', final: true }),
      ],
      [flow('start', 's'), flow('in_s', 'a')],
      ['trigger-in-scope in_s'],
    ],
    [
      'a join that wants too many',
      [START, task('a', { final: true, join: { mode: 'n', n: 2 } })],
      [flow('start', 'a')],
      ['join-too-high a'],
    ],
    [
      'a deferred choice of what does not wait',
      [
        { ...START, split: 'event' },
        { id: 'a', type: 'gateway', final: true },
      ],
      [flow('start', 'a')],
      ['choice-without-wait start'],
    ],
    [
      'a flow into a scope',
      [START, { id: 's', type: 'scope', final: true }, task('a', { in: 's', final: true })],
      [flow('start', 'a'), flow('start', 's')],
      ['impossible-flow start'],
    ],
    [
      'a scope that is none',
      [START, task('a', { in: 'b', final: true })],
      [flow('start', 'a')],
      ['impossible-flow start', 'unknown-scope a'],
    ],
    [
      'a condition behind an event',
      [START, task('a', { final: true, on: [{ timer: 'PT1H', outcome: 'late' }] })],
      [flow('start', 'a'), flow('a', 'a', { on: 'late', when: 'x' })],
      ['condition-after-event a'],
    ],
    [
      'a join of all after a choice',
      [
        START,
        task('a', { outcomes: ['yes', 'no'] }),
        task('b'),
        task('c'),
        task('d', { join: { mode: 'all' }, final: true }),
      ],
      [
        flow('start', 'a'),
        flow('a', 'b', { on: 'yes' }),
        flow('a', 'c', { on: 'no' }),
        flow('b', 'd'),
        flow('c', 'd'),
      ],
      ['can-deadlock d', '? dead-node d'],
    ],
    [
      'a loop without a wait',
      [START, { id: 'a', type: 'gateway' }, task('b', { final: true })],
      [flow('start', 'a'), flow('a', 'a', { when: 'x' }), flow('a', 'b', { otherwise: true })],
      ['? loop-without-wait a'],
    ],
    [
      'tokens that pile up',
      [START, task('a'), task('b', { final: true })],
      [flow('start', 'a'), flow('a', 'a'), flow('a', 'b')],
      ['? tokens-pile-up b'],
    ],
  ])('tell of %s', (_name, nodes, flows, expected) => {
    expect(findings(nodes, flows)).toEqual(expected);
  });

  it('tell of a role that is not declared', () => {
    const nodes = [START, task('a', { final: true, config: { roles: ['operator', 'boss'] } })];
    expect(findings(nodes, [flow('start', 'a')], { roles: ['operator'] })).toEqual([
      'unknown-role a',
    ]);
  });

  it('tell of a kind that no module offers', () => {
    const draft = {
      key: 'test',
      nodes: [START, task('a', { final: true, kind: 'fax' })],
      flows: [flow('start', 'a')],
    };
    const codes = (kinds: string[]): string[] =>
      validateWorkflow(draft, new Set(kinds)).map(({ code }) => code);
    expect([codes(['mail']), codes(['fax'])]).toEqual([['unknown-kind'], []]);
  });

  it('say what to do', () => {
    const all = validateWorkflow({
      key: 'test',
      nodes: [START, task('a')],
      flows: [flow('start', 'a')],
    });
    expect(all.map(({ message }) => message)).toEqual([
      'Nothing follows the outcome "done" of a: add a flow, or declare it in "final".',
    ]);
  });
});

describe('the schema of a draft', () => {
  it('is JSON Schema 2020-12 with a description for what is not obvious', () => {
    const schema = workflowJsonSchema() as Record<string, unknown>;
    expect(schema['$schema']).toBe('https://json-schema.org/draft/2020-12/schema');
    expect(JSON.stringify(schema)).toMatch(/which flows of the outcome are taken/i);
  });

  // Formats and metadata such as `id` are annotations; everything else must be known to the specification.
  const ajv = new Ajv2020({ strict: false, validateFormats: false });

  it('is valid by the meta-schema', () => {
    expect([ajv.validateSchema(workflowJsonSchema()), ajv.errors]).toEqual([true, null]);
  });

  it('takes every pattern and the whole example, and refuses what is none', () => {
    const validate = ajv.compile(workflowJsonSchema());
    const repair: unknown = JSON.parse(
      readFileSync(
        join(import.meta.dirname, '../../../examples/workflows/machine-repair.json'),
        'utf8',
      ),
    );
    for (const draft of [...patternFiles.map(readPattern), repair])
      expect([validate(draft), validate.errors]).toEqual([true, null]);
    expect(validate({ key: 'test', nodes: [{ id: 'a', type: 'teleport' }], flows: [] })).toBe(
      false,
    );
  });
});
