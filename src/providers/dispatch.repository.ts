import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';
import { columnsOf } from './message.rows.js';

/** A call that is about to be written to a provider's socket. */
export interface DispatchRow {
  readonly messageId: string;
  readonly attempt: number;
  readonly provider: string;
  /** The epoch of the free quota that it uses; null for paid calls. */
  readonly epoch: number | null;
  readonly costMicros: number;
  readonly honoursKeys: boolean;
}

export interface DispatchEnd {
  readonly messageId: string;
  readonly attempt: number;
  readonly outcome: string;
}

/** The journal of calls: written before each call, with its outcome added when there is one. */
@Injectable()
export class DispatchRepository {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /** Enters calls before they are made. Answers false, and enters nothing, when the dispatcher was declared dead. */
  async enter(dispatcherId: string, calls: readonly DispatchRow[]): Promise<boolean> {
    const rows = await this.unitOfWork.query(
      `with alive as materialized (
         select id from providers.dispatcher where id = $1 and expires_at > now() for share)
       insert into providers.dispatch (message_id, attempt, provider, epoch, cost_micros, honours_keys)
       select call.* from alive, unnest($2::uuid[], $3::smallint[], $4::text[], $5::bigint[], $6::bigint[], $7::boolean[])
         as call
       returning 1 as entered`,
      [
        dispatcherId,
        ...columnsOf(calls, [
          (call) => call.messageId,
          (call) => call.attempt,
          (call) => call.provider,
          (call) => call.epoch,
          (call) => call.costMicros,
          (call) => call.honoursKeys,
        ]),
      ],
    );
    return rows.length > 0;
  }

  /** Adds the outcomes. A call that was given up as unknown may still tell its end. */
  async settle(ends: readonly DispatchEnd[]): Promise<void> {
    if (ends.length === 0) return;
    await this.unitOfWork.query(
      `update providers.dispatch set outcome = ended.outcome, settled_at = now()
       from unnest($1::uuid[], $2::smallint[], $3::text[]) as ended (message_id, attempt, outcome)
       where dispatch.message_id = ended.message_id and dispatch.attempt = ended.attempt`,
      columnsOf(ends, [(end) => end.messageId, (end) => end.attempt, (end) => end.outcome]),
    );
  }

  /** Deletes at most so many entries that are older than so many days. */
  async deleteOld(days: number, limit: number): Promise<number> {
    const rows = await this.unitOfWork.query(
      `delete from providers.dispatch where ctid = any(array(
         select ctid from providers.dispatch
         where provider = any($3) and written_at < now() - make_interval(days => $1) and outcome is not null
         limit $2 for update skip locked))
       returning 1 as deleted`,
      [days, limit, ['free', 'paid']],
    );
    return rows.length;
  }
}
