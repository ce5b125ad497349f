import { Injectable } from '@nestjs/common';
import { Clock } from '../kernel/clock.js';
import { Ids } from '../kernel/ids.js';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';
import type { JsonObject } from './definition/json.js';

export type AuditAction =
  'published' | 'config-changed' | 'paused' | 'resumed' | 'migrated' | 'linked' | 'unlinked';

/** Who has changed what of a workflow that instances run by; written with the change, or not at all. */
@Injectable()
export class AuditRepository {
  constructor(
    private readonly clock: Clock,
    private readonly ids: Ids,
    private readonly unitOfWork: UnitOfWork,
  ) {}

  /** `by` is null where nobody had to log in. */
  append(key: string, action: AuditAction, by: string | null, details: JsonObject): void {
    this.unitOfWork.deferInsert(
      `insert into workflows.audit (key, id, at, by, action, details) values ($1, $2, $3, $4, $5, $6)`,
      [key, this.ids.next(), this.clock.now(), by, action, JSON.stringify(details)],
    );
  }
}
