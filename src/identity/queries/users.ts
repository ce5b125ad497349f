import { Query } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { decodeCursor, type Page, page } from '../../kernel/http/pages.js';
import { uuidParam } from '../../kernel/http/shapes.js';
import { Database } from '../../kernel/persistence/database.js';
import { UserNotFound } from '../domain/identity.errors.js';
import type { ListUsersRequest, UserView } from '../identity.dto.js';
import { USER_COLUMNS } from '../user.rows.js';

/** Throws `UserNotFound`. */
export class GetUser extends Query<UserView> {
  constructor(readonly userId: string) {
    super();
  }
}

/** Newest first. Throws `ValidationError` for a broken cursor. */
export class ListUsers extends Query<Page<UserView>> {
  constructor(readonly request: ListUsersRequest) {
    super();
  }
}

@Handles(GetUser)
export class GetUserHandler implements Handler<GetUser> {
  constructor(private readonly database: Database) {}

  async execute({ userId }: GetUser): Promise<UserView> {
    const [user] = await this.database.query<UserView>(
      `select ${USER_COLUMNS} from identity.account where id = $1`,
      [userId],
    );
    if (!user) throw new UserNotFound(userId);
    return user;
  }
}

@Handles(ListUsers)
export class ListUsersHandler implements Handler<ListUsers> {
  constructor(private readonly database: Database) {}

  async execute({ request: { limit, cursor, email } }: ListUsers): Promise<Page<UserView>> {
    const before = cursor === undefined ? null : decodeCursor(uuidParam, cursor);
    const rows = await this.database.query<UserView>(
      `select ${USER_COLUMNS} from identity.account
       where ($1::uuid is null or id < $1) and ($2::text is null or email = $2)
       order by id desc limit $3`,
      [before, email ?? null, limit + 1],
    );
    return page(rows, limit, (user) => user.id);
  }
}
