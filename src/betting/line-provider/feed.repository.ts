import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../../kernel/persistence/unit-of-work.js';

export interface Heartbeat {
  readonly at: Date;
  readonly feed_version: string;
  readonly incarnation: string;
}

/** The one row of the feed, but for its counter, which moves with the events. */
@Injectable()
export class FeedRepository {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /**
   * The heartbeat that is due, for one caller: whoever waited for the row finds that it has been taken. What it says of the
   * feed is true, because changes hold the same row until they are committed.
   */
  async beat(everyMs: number): Promise<Heartbeat | undefined> {
    const [beat] = await this.unitOfWork.query<Heartbeat>(
      `update line_provider.feed set beat_at = clock_timestamp()
       where beat_at <= clock_timestamp() - $1::int * interval '1 ms'
       returning beat_at as at, version as feed_version, incarnation`,
      [everyMs],
    );
    return beat;
  }
}
