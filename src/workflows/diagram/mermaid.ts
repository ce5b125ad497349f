import type { FlowDraft, NodeDraft, WorkflowDraft } from '../definition/draft.js';
import { titleOf } from './layout.js';

/** The text of a workflow for Mermaid, which many wikis and editors draw. */
export function mermaidOf({ nodes, flows }: WorkflowDraft): string {
  const numbers = new Map(nodes.map(({ id }, index) => [id, `n${String(index)}`]));
  const inside = Map.groupBy(nodes, ({ in: scope }) => scope ?? '');
  const lines = (scope: string, indent: string): string[] =>
    (inside.get(scope) ?? []).flatMap((node) => {
      const name = numbers.get(node.id) ?? '';
      if (!inside.has(node.id)) return [`${indent}${name}${shapeOf(node)}`];
      const head = `${indent}subgraph ${name}["${escaped(titleOf(node))}"]`;
      return [head, ...lines(node.id, `${indent}  `), `${indent}end`];
    });
  const arrows = flows.flatMap((flow) => {
    const [from, to] = [numbers.get(flow.from), numbers.get(flow.to)];
    return from === undefined || to === undefined ? [] : [`  ${from} ${arrowOf(flow)} ${to}`];
  });
  return ['flowchart LR', ...lines('', '  '), ...arrows, ''].join('\n');
}

function shapeOf(node: NodeDraft): string {
  const text = `"${escaped(titleOf(node))}"`;
  switch (node.type) {
    case 'start':
      return `([${text}])`;
    case 'end':
      return `(((${text})))`;
    case 'gateway':
      return `{{${text}}}`;
    case 'wait':
      return `(${text})`;
    case 'emit':
      return `>${text}]`;
    case 'scope':
      return `[[${text}]]`;
    case 'task':
      return `[${text}]`;
  }
}

function arrowOf({ on, when, otherwise }: FlowDraft): string {
  const label = [on, otherwise ? 'else' : when].filter((part) => part !== undefined).join(' ');
  return label === '' ? '-->' : `-->|"${escaped(label)}"|`;
}

/** Mermaid takes numeric entities between `#` and `;`. */
const escaped = (text: string): string =>
  text.replace(/[^\p{L}\p{N} .,:_-]/gu, (character) => `#${String(character.codePointAt(0))};`);
