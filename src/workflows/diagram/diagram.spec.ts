import { patternFiles, readPattern } from '../../../test/support/workflow-patterns.js';
import { workflowDraft } from '../definition/draft.js';
import { diagramOf } from './drawing.js';
import { type Box, type Plan, planOf } from './layout.js';
import { mermaidOf } from './mermaid.js';
import { diagramPage } from './page.js';

const START = { id: 'start', type: 'start' };
const draftOf = (nodes: object[], flows: object[]) =>
  workflowDraft.parse({ key: 'test', nodes, flows });

const ORDER = draftOf(
  [
    START,
    {
      id: 'check',
      type: 'task',
      kind: 'human',
      name: '<script>&"check"',
      outcomes: ['confirmed', 'rejected'],
      on: [
        { timer: 'PT1H', outcome: 'late', interrupting: false },
        { error: true, outcome: 'broken' },
      ],
    },
    { id: 'work', type: 'scope' },
    { id: 'pack', type: 'task', kind: 'task:noop', in: 'work', final: true },
    { id: 'end', type: 'end' },
  ],
  [
    { from: 'start', to: 'check' },
    { from: 'check', on: 'confirmed', when: 'price < 5', to: 'work' },
    { from: 'check', on: 'rejected', to: 'check' },
    { from: 'check', on: 'late', to: 'end' },
    { from: 'check', on: 'broken', to: 'end' },
    { from: 'work', to: 'end' },
  ],
);

const overlap = (a: Box, b: Box): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

function expectTidy({ boxes, lines, width, height }: Plan): void {
  boxes.forEach((box, index) => {
    expect(boxes.slice(index + 1).filter((other) => overlap(box, other))).toEqual([]);
    expect(box.x + box.width).toBeLessThanOrEqual(width);
    expect(box.y + box.height).toBeLessThanOrEqual(height);
    if (!box.inner) return;
    expect(box.inner.width).toBeLessThan(box.width);
    expectTidy(box.inner);
  });
  for (const { points } of lines) expect(points.length).toBeGreaterThan(1);
}

describe('the picture of a workflow', () => {
  it.each(patternFiles)('has a place for everything in %s', (file) => {
    const draft = workflowDraft.parse(readPattern(file));
    const plan = planOf(draft);
    const svg = diagramOf(plan, 'test');
    expectTidy(plan);
    expect(svg.match(/<(rect|polygon) class="box"/g)).toHaveLength(draft.nodes.length);
    expect(svg.match(/<path class="line/g)).toHaveLength(draft.flows.length);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('shows outcomes, conditions and boundary events, and escapes what people write', () => {
    const svg = diagramOf(planOf(ORDER), 'A & B');
    expect(svg).toContain('confirmed [price &lt; 5]');
    expect(svg).toContain('&lt;script&gt;&amp;&quot;check&quot;');
    expect(svg).not.toContain('<script');
    expect(svg.match(/<circle class="event/g)).toHaveLength(2);
    expect(svg.match(/class="line event-line"/g)).toHaveLength(2);
    expect(svg).toMatch(/^<svg [^>]*><title>A &amp; B<\/title>/);
  });

  it('puts what lies in a scope inside of its box', () => {
    const [box] = planOf(ORDER).boxes.filter(({ node }) => node.id === 'work');
    expect(box?.inner?.boxes.map(({ node }) => node.id)).toEqual(['pack']);
  });

  it('shows how many are where, and which are stuck', () => {
    const counts = new Map([
      ['check', { tokens: 17, incidents: 0 }],
      ['pack', { tokens: 3, incidents: 2 }],
    ]);
    const svg = diagramOf(planOf(ORDER), 'test', counts);
    expect(svg).toMatch(/class="task human busy"/);
    expect(svg).toMatch(/class="task stuck"/);
    expect(svg).toContain('>17</text>');
    expect(svg).toContain('>3 (2!)</text>');
  });

  it('leaves out flows of a draft that lead nowhere, and draws nodes of scopes that are not there', () => {
    const draft = draftOf(
      [START, { id: 'a', type: 'gateway', in: 'nowhere' }],
      [
        { from: 'start', to: 'b' },
        { from: 'start', to: 'a' },
      ],
    );
    const { boxes, lines } = planOf(draft);
    expect([boxes.length, lines.length]).toEqual([2, 1]);
  });

  it('is readable in light and dark, and its page loads nothing', () => {
    const picture = { key: 'order', name: 'Orders <1>', version: 2, plan: planOf(ORDER) };
    const page = diagramPage({ ...picture, counts: new Map() });
    expect(page).toContain('color-scheme: light dark');
    expect(page).toContain('<h1>Orders &lt;1&gt;</h1>');
    expect(page).not.toMatch(/<script|src=/);
  });
});

describe('the Mermaid text of a workflow', () => {
  it('has its nodes, scopes and flows, and nothing that Mermaid would take for its own', () => {
    expect(mermaidOf(ORDER).split('\n')).toEqual([
      'flowchart LR',
      '  n0(["start"])',
      '  n1["#60;script#62;#38;#34;check#34;"]',
      '  subgraph n2["work"]',
      '    n3["pack"]',
      '  end',
      '  n4((("end")))',
      '  n0 --> n1',
      '  n1 -->|"confirmed price #60; 5"| n2',
      '  n1 -->|"rejected"| n1',
      '  n1 -->|"late"| n4',
      '  n1 -->|"broken"| n4',
      '  n2 --> n4',
      '',
    ]);
  });
});
