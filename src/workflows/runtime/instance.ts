import type { JsonObject } from '../definition/json.js';
import type { Incident, InstanceState } from '../engine/state.js';
import type { InstanceView } from '../workflow-instances.dto.js';

/** A token of an instance, as tables and messages name it. */
export interface TokenRef {
  readonly instanceId: string;
  readonly token: number;
}

/** What a token waits for: attempts are never counted back, so it names one job, user task or child. */
export interface WorkRef extends TokenRef {
  readonly attempt: number;
}

/** A running process: what its row says, with the state that the engine decides on. */
export interface Instance {
  readonly id: string;
  readonly key: string;
  /** Changed by a migration. */
  version: number;
  /** Of the workflow's config, when the row was read. */
  readonly configRevision: number;
  readonly businessKey: string | null;
  readonly startKey: string | null;
  /** The token that waits for its end. */
  readonly parent: WorkRef | null;
  /** Instances above it; the outermost has none. */
  readonly depth: number;
  readonly correlationId: string;
  readonly traceparent: string;
  readonly startedAt: Date;
  /** No row yet. */
  readonly isNew: boolean;
  state: InstanceState;
  /** The tasks that tokens wait for, by {@link jobName}. */
  readonly jobs: Map<string, string>;
  /** Decisions so far. */
  seq: number;
  incidents: number;
  outcome: string | null;
  error: Incident | null;
  updatedAt: Date;
  endedAt: Date | null;
}

export const jobName = ({ token, attempt }: Pick<WorkRef, 'token' | 'attempt'>): string =>
  `${String(token)}/${String(attempt)}`;

/** What expressions read as `instance`. */
export const namesOf = ({ id, key, version, businessKey, startedAt }: Instance): JsonObject => ({
  id,
  workflow: key,
  version,
  business_key: businessKey,
  started_at: startedAt.toISOString(),
});

export function toView(instance: Instance): InstanceView {
  const { status, variables } = instance.state;
  return {
    id: instance.id,
    workflow: instance.key,
    version: instance.version,
    status: status === 'new' ? 'running' : status,
    business_key: instance.businessKey,
    start_key: instance.startKey,
    parent_id: instance.parent?.instanceId ?? null,
    variables,
    outcome: instance.outcome,
    error: instance.error,
    incidents: instance.incidents,
    paused: instance.state.paused,
    started_at: instance.startedAt,
    updated_at: instance.updatedAt,
    ended_at: instance.endedAt,
  };
}
