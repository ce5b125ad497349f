import type { FlowDraft, NodeDraft, WorkflowDraft } from './draft.js';

/** Something about a draft that its author should know. Drafts with errors are saved, but not published. */
export interface Finding {
  readonly code: string;
  readonly severity: 'error' | 'warning';
  readonly node?: string;
  /** The id of the flow, or its ends. */
  readonly flow?: string;
  /** What is wrong and what to do about it. */
  readonly message: string;
}

export type Check = (draft: WorkflowDraft) => Finding[];

export const nodeError = (code: string, { id: node }: NodeDraft, message: string): Finding => ({
  code,
  severity: 'error',
  node,
  message,
});

export const nodeWarning = (code: string, { id: node }: NodeDraft, message: string): Finding => ({
  code,
  severity: 'warning',
  node,
  message,
});

export const flowError = (code: string, flow: FlowDraft, message: string): Finding => ({
  code,
  severity: 'error',
  node: flow.from,
  flow: flowName(flow),
  message,
});

/** What a flow is called, also in stored joins; no two flows of a published workflow share one. */
export const flowName = ({ id, from, on, to }: FlowDraft): string =>
  id ?? `${from}${on === undefined ? '' : `[${on}]`} → ${to}`;
