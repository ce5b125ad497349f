import { Query } from '@nestjs/cqrs';
import { AccessControl } from '../../kernel/access/access-control.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Database } from '../../kernel/persistence/database.js';
import { effectiveRights } from '../domain/rights.js';
import { FreshValues } from '../security/fresh-values.js';
import { GRANTED } from '../user.rows.js';

type Rights = ReadonlySet<string>;

/**
 * What users may do now, by their ids, at most half a second late: for work that waited since its caller was asked. Who is
 * unknown or disabled may do nothing. Takes the id of the caller who had not logged in, too.
 */
export class RightsOf extends Query<ReadonlyMap<string, Rights>> {
  constructor(readonly userIds: readonly string[]) {
    super();
  }
}

@Handles(RightsOf)
export class RightsOfHandler implements Handler<RightsOf> {
  readonly #byUser = new FreshValues((ids) => this.#read(ids));

  constructor(
    private readonly access: AccessControl,
    private readonly database: Database,
  ) {}

  async execute({ userIds }: RightsOf): Promise<ReadonlyMap<string, Rights>> {
    const { stranger } = this.access;
    const rights = userIds.map(async (id): Promise<[string, Rights]> => {
      if (id === stranger.id) return [id, stranger.rights];
      return [id, (await this.#byUser.get(id)) ?? new Set()];
    });
    return new Map(await Promise.all(rights));
  }

  async #read(ids: readonly string[]): Promise<ReadonlyMap<string, Rights>> {
    const rows = await this.database.query<{ id: string; granted: string[] }>(
      `select account.id, ${GRANTED} as granted from identity.account
       where account.id = any($1) and account.disabled_at is null`,
      [ids],
    );
    return new Map(rows.map(({ id, granted }) => [id, effectiveRights(granted)]));
  }
}
