import { Injectable } from '@nestjs/common';
import type { Token } from '../engine/state.js';
import { type IncidentFilter, IncidentRepository } from '../incident.repository.js';
import type { Instance } from '../runtime/instance.js';
import type { Movement } from '../runtime/movement.js';
import type { BatchProblem, BatchWorker, ResolveIncidents, Slice } from './batch-work.js';

/** Sets variables and tries again. What is stuck again at once has failed; what others have resolved is left alone. */
@Injectable()
export class IncidentResolver implements BatchWorker<ResolveIncidents> {
  constructor(private readonly incidents: IncidentRepository) {}

  count({ filter }: ResolveIncidents, until: Date): Promise<number> {
    return this.incidents.countInstances(filter, until);
  }

  next({ filter }: ResolveIncidents, slice: Slice): Promise<string[]> {
    return this.incidents.nextInstances(filter, slice);
  }

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  apply(
    { filter, variables }: ResolveIncidents,
    movement: Movement,
    instance: Instance,
  ): BatchProblem[] {
    const { tokens } = instance.state;
    const stuck = [...tokens.values()].filter((token) => isMeant(filter, token));
    if (stuck.length === 0) return [];
    if (variables) movement.decide(instance, { type: 'set_variables', variables });
    // One that an earlier retry has taken away is rejected, and needs no more.
    for (const { id } of stuck) movement.decide(instance, { type: 'retry', token: id });
    return stuck.flatMap(({ id, node }) => {
      const incident = tokens.get(id)?.incident;
      return incident ? [{ node: node || null, ...incident }] : [];
    });
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }
}

const isMeant = ({ code, node }: IncidentFilter, token: Token): boolean =>
  token.incident !== undefined &&
  (code === undefined || code === token.incident.code) &&
  (node === undefined || node === token.node);
