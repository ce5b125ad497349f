import { compileWorkflow } from './compile.js';
import { workflowDraft, type WorkflowDraft } from './draft.js';
import { expressionFindings } from './expression-findings.js';
import { nodeError, type Finding } from './findings.js';
import { graphFindings } from './graph-findings.js';
import { nodeFindings } from './node-findings.js';
import { soundnessFindings } from './soundness.js';
import { structureFindings } from './structure-findings.js';

/**
 * Everything that is wrong with a draft. What depends on a sound structure, such as whether branches can meet, is
 * looked at only when the structure has no errors, so that one mistake is not told ten times. `kinds` are those of the
 * modules there are; without them, kinds are not looked at.
 */
export function validateWorkflow(input: unknown, kinds?: ReadonlySet<string>): Finding[] {
  const parsed = workflowDraft.safeParse(input);
  if (!parsed.success)
    return parsed.error.issues.map(({ path, message }) => schemaFinding(input, path, message));
  const draft = parsed.data;
  const findings = [
    ...structureFindings(draft),
    ...nodeFindings(draft),
    ...expressionFindings(draft),
    ...(kinds ? unknownKinds(draft, kinds) : []),
  ];
  if (findings.some(({ severity }) => severity === 'error')) return findings;
  return [...findings, ...behaviourFindings(draft)];
}

function behaviourFindings(draft: WorkflowDraft): Finding[] {
  const workflow = compileWorkflow(draft);
  return [...graphFindings(workflow), ...soundnessFindings(workflow)];
}

/** What the engine does itself, or asks of people. */
const OWN_KINDS = ['human', 'set', 'decision'];

function unknownKinds({ nodes }: WorkflowDraft, kinds: ReadonlySet<string>): Finding[] {
  const known = [...OWN_KINDS, ...kinds];
  return nodes.flatMap((node) => {
    if (node.type !== 'task' || known.includes(node.kind)) return [];
    const message = `${node.id} is of the kind "${node.kind}", which no module offers: use one of ${known.join(', ')}.`;
    return [nodeError('unknown-kind', node, message)];
  });
}

function schemaFinding(input: unknown, path: readonly PropertyKey[], message: string): Finding {
  const place = path.map(String).join('.');
  const node = path[0] === 'nodes' ? idOf(input, path[1]) : undefined;
  return {
    code: 'schema',
    severity: 'error',
    ...(node !== undefined && { node }),
    message: `${place === '' ? 'The draft' : place}: ${message}`,
  };
}

function idOf(input: unknown, index: PropertyKey | undefined): string | undefined {
  const nodes: unknown = (input as { nodes?: unknown }).nodes;
  const node: unknown = Array.isArray(nodes) ? (nodes as unknown[])[Number(index)] : undefined;
  const id = (node as { id?: unknown } | null | undefined)?.id;
  return typeof id === 'string' ? id : undefined;
}
