import { compileWorkflow } from './compile.js';
import { workflowDraft, type WorkflowDraft } from './draft.js';
import { expressionFindings } from './expression-findings.js';
import type { Finding } from './findings.js';
import { graphFindings } from './graph-findings.js';
import { nodeFindings } from './node-findings.js';
import { soundnessFindings } from './soundness.js';
import { structureFindings } from './structure-findings.js';

/**
 * Everything that is wrong with a draft. What depends on a sound structure, such as whether branches can meet, is
 * looked at only when the structure has no errors, so that one mistake is not told ten times.
 */
export function validateWorkflow(input: unknown): Finding[] {
  const parsed = workflowDraft.safeParse(input);
  if (!parsed.success)
    return parsed.error.issues.map(({ path, message }) => schemaFinding(input, path, message));
  const draft = parsed.data;
  const findings = [
    ...structureFindings(draft),
    ...nodeFindings(draft),
    ...expressionFindings(draft),
  ];
  if (findings.some(({ severity }) => severity === 'error')) return findings;
  return [...findings, ...behaviourFindings(draft)];
}

function behaviourFindings(draft: WorkflowDraft): Finding[] {
  const workflow = compileWorkflow(draft);
  return [...graphFindings(workflow), ...soundnessFindings(workflow)];
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
