import { Query } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Database } from '../../kernel/persistence/database.js';

export interface Credentials {
  readonly userId: string;
  readonly passwordHash: string;
  /** The user has logged in from this address before. */
  readonly isKnownHere: boolean;
}

/** What a login is compared with; undefined for an unknown email and for a disabled user. `address` is a digest. */
export class FindCredentials extends Query<Credentials | undefined> {
  constructor(
    readonly email: string,
    readonly address: Buffer,
  ) {
    super();
  }
}

@Handles(FindCredentials)
export class FindCredentialsHandler implements Handler<FindCredentials> {
  constructor(private readonly database: Database) {}

  async execute({ email, address }: FindCredentials): Promise<Credentials | undefined> {
    const [found] = await this.database.query<Credentials>(
      `select id as "userId", password as "passwordHash", exists (
         select from identity.known_address where account_id = account.id and address = $2) as "isKnownHere"
       from identity.account where email = $1 and disabled_at is null`,
      [email, address],
    );
    return found;
  }
}
