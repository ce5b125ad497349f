import { Injectable } from '@nestjs/common';
import { Database } from '../../kernel/persistence/database.js';
import type { Quota } from '../quota/engine/quota.js';
import type { Recovered } from '../quota/quota-store.js';

/** What the journal knows of the calls of a provider, for a store that has lost its book. */
@Injectable()
export class CallHistory {
  constructor(private readonly database: Database) {}

  /**
   * The calls of the last epoch, or of the last period where windows are counted, that were or may have been sent: one that
   * is open may be counted at this very moment. Without any call in the journal nothing was ever sent.
   */
  async recover({ providerId, model, periodMs }: Quota): Promise<Recovered> {
    const isEpochal = model === 'n_then_block';
    const [row] = await this.database.query<{ used: number; last_at: number | null }>(
      `with last as (
         select epoch, written_at from providers.dispatch
         where provider = $1 and outcome is distinct from 'unsent' order by written_at desc limit 1)
       select count(*)::int as used,
              floor(extract(epoch from max(coalesce(settled_at, now()))) * 1000)::float as last_at
       from providers.dispatch, last
       where provider = $1 and outcome is distinct from 'unsent'
         and case when $2 then dispatch.epoch = last.epoch and dispatch.written_at > last.written_at - interval '1 day'
             else dispatch.written_at > now() - ($3 + 60000) * interval '1 ms' end`,
      [providerId, isEpochal, periodMs],
    );
    return { used: row?.used ?? 0, lastAt: row?.last_at ?? 0 };
  }
}
