import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';
import type { HeatDelta } from './runtime/tally.js';

/**
 * Counts by node. Movements append what they change, so that instances of one workflow never wait for each other here;
 * a loop adds it up.
 */
@Injectable()
export class HeatRepository {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /** With the commit. */
  append(deltas: readonly HeatDelta[]): void {
    this.unitOfWork.deferInsert(
      `insert into workflows.heat_delta (key, version, node, tokens, incidents, completed)
       select * from unnest($1::text[], $2::int[], $3::text[], $4::int[], $5::int[], $6::int[])`,
      [
        deltas.map(({ key }) => key),
        deltas.map(({ version }) => version),
        deltas.map(({ node }) => node),
        deltas.map(({ tokens }) => tokens),
        deltas.map(({ incidents }) => incidents),
        deltas.map(({ completed }) => completed),
      ],
    );
  }

  /** Adds the deltas to the counts, in one statement, so that whoever reads both sees each of them once. */
  async fold(): Promise<void> {
    await this.unitOfWork.query(
      `with folded as (delete from workflows.heat_delta returning *)
       insert into workflows.heat as total (key, version, node, tokens, incidents, completed)
       select key, version, node, sum(tokens), sum(incidents), sum(completed) from folded
       group by key, version, node order by key, version, node
       on conflict (key, version, node) do update set tokens = total.tokens + excluded.tokens,
         incidents = total.incidents + excluded.incidents, completed = total.completed + excluded.completed`,
    );
  }
}
