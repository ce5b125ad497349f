import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';
import type { SearchChanges } from './runtime/search-values.js';

/** The only code that writes what instances are searched by, in the open Unit of Work. */
@Injectable()
export class SearchRepository {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  async save({ set, removed }: SearchChanges): Promise<void> {
    if (removed.length > 0)
      await this.unitOfWork.query(
        `delete from workflows.instance_variable v using unnest($1::uuid[], $2::text[]) as gone (instance_id, name)
         where v.instance_id = gone.instance_id and v.name = gone.name`,
        [removed.map(({ instance }) => instance.id), removed.map(({ name }) => name)],
      );
    if (set.length === 0) return;
    this.unitOfWork.deferInsert(
      `insert into workflows.instance_variable (instance_id, key, name, value)
       select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[])
       on conflict (instance_id, name) do update set value = excluded.value`,
      [
        set.map(({ instance }) => instance.id),
        set.map(({ instance }) => instance.key),
        set.map(({ name }) => name),
        set.map(({ value }) => value),
      ],
    );
  }
}
