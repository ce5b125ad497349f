import { Injectable } from '@nestjs/common';
import { Database } from '../../kernel/persistence/database.js';
import type { Quota, Recovered } from '../quota/engine/quota.js';

/** Between its entry in the journal and its arrival at the provider. */
const ON_ITS_WAY_MS = 1_000;
/** Above that the exact number does not matter: the provider is blocked. */
const MANY = 1_000_000;

/** What the journal knows of the calls of a provider, for a store that has lost its book. */
@Injectable()
export class CallHistory {
  constructor(private readonly database: Database) {}

  /**
   * The calls of the last epoch, or of the last period where windows are counted, that were or may have been sent: one that
   * is open may be counted at this very moment. Without any call in the journal nothing was ever sent.
   */
  async recover({ providerId, model, limit, periodMs }: Quota): Promise<Recovered> {
    const isEpochal = model === 'n_then_block';
    const [row] = await this.database.query<{ used: number; last_at: number | null }>(
      `with latest as (
         select epoch, written_at, settled_at from providers.dispatch
         where provider = $1 and outcome is distinct from 'unsent'
           and ($2 or written_at > now() - $3::float8 * interval '1 ms')
         order by written_at desc limit $4)
       select count(*)::int as used,
              floor(extract(epoch from max(coalesce(settled_at, now()))) * 1000)::float as last_at
       from latest where not $2 or epoch = (select epoch from latest order by written_at desc limit 1)`,
      [providerId, isEpochal, periodMs + ON_ITS_WAY_MS, isEpochal ? (limit ?? MANY) : MANY],
    );
    return { used: row?.used ?? 0, lastAt: row?.last_at ?? 0 };
  }
}
