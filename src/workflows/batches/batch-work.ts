import type { JsonObject } from '../definition/json.js';
import type { IncidentFilter } from '../incident.repository.js';
import type { Instance } from '../runtime/instance.js';
import type { MigrationPlan } from '../runtime/migrator.js';
import type { Movement } from '../runtime/movement.js';

/** What a batch does to each of its instances, as its row keeps it. */
export type BatchWork = ResolveIncidents | MigrateInstances | ResumeInstances;

export interface ResolveIncidents {
  readonly kind: 'resolve-incidents';
  readonly filter: IncidentFilter;
  /** Set before the retry. */
  readonly variables?: JsonObject | undefined;
}

export interface MigrateInstances extends MigrationPlan {
  readonly kind: 'migrate';
  readonly from_version?: number | undefined;
  readonly dry_run: boolean;
}

/** Behind the end of a pause of their workflow. */
export interface ResumeInstances {
  readonly kind: 'resume';
  readonly workflow: string;
  readonly node?: string | undefined;
}

/** What stands in the way of an instance. */
export interface BatchProblem {
  readonly node: string | null;
  readonly code: string;
  readonly message: string;
}

/** A part of the instances that a batch is about, in the order of their ids. */
export interface Slice {
  /** Those behind it. */
  readonly after: string | null;
  /** Those that the work was there for at this instant. */
  readonly until: Date;
  readonly limit: number;
}

/** How one kind of work is done. */
export interface BatchWorker<Work extends BatchWork> {
  count(work: Work, until: Date): Promise<number>;
  next(work: Work, slice: Slice): Promise<string[]>;
  /** What is to be known before instances are changed. */
  prepare(work: Work, movement: Movement): Promise<void>;
  /** Changes a locked instance, and answers what went wrong. */
  apply(work: Work, movement: Movement, instance: Instance): readonly BatchProblem[];
  /** Writes what the movement does not. */
  finish(work: Work, instances: readonly Instance[]): Promise<void>;
}
