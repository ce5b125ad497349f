import { Inject, Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Mediator } from '../kernel/cqrs/mediator.js';
import { ENV, type Env } from '../kernel/env.js';
import { Loop } from '../kernel/loop.js';
import { AuthController } from './auth.controller.js';
import { ChangeUserHandler } from './commands/change-user.js';
import { EnsureAdminHandler } from './commands/ensure-admin.js';
import { PurgeIdentity, PurgeIdentityHandler } from './commands/purge-identity.js';
import { PutRoleHandler } from './commands/put-role.js';
import { RegisterUserHandler } from './commands/register-user.js';
import {
  EndSessionsHandler,
  OpenSessionHandler,
  RotateSessionHandler,
} from './commands/sessions.js';
import { CountAttemptHandler, ForgiveAttemptHandler } from './commands/throttle-attempts.js';
import { IdentityMetrics } from './identity.metrics.js';
import { Callers } from './queries/callers.js';
import { FindCredentialsHandler } from './queries/find-credentials.js';
import { ListRolesHandler } from './queries/list-roles.js';
import { RightsOfHandler } from './queries/rights-of.js';
import { GetUserHandler, ListUsersHandler } from './queries/users.js';
import { RolesController } from './roles.controller.js';
import { Logins } from './security/logins.js';
import { Passwords } from './security/passwords.js';
import { TokenAuthenticator } from './security/token-authenticator.js';
import { Tokens } from './security/tokens.js';
import { Users } from './security/users.js';
import { SessionRepository } from './session.repository.js';
import { ThrottleRepository } from './throttle.repository.js';
import { UserRepository } from './user.repository.js';
import { UsersController } from './users.controller.js';

const PURGE_EVERY_MS = 60_000;
const PURGE_BATCH = 5_000;

@Module({
  controllers: [AuthController, RolesController, UsersController],
  providers: [
    Callers,
    ChangeUserHandler,
    CountAttemptHandler,
    EndSessionsHandler,
    EnsureAdminHandler,
    FindCredentialsHandler,
    ForgiveAttemptHandler,
    GetUserHandler,
    IdentityMetrics,
    ListRolesHandler,
    ListUsersHandler,
    Logins,
    OpenSessionHandler,
    Passwords,
    PurgeIdentityHandler,
    PutRoleHandler,
    RegisterUserHandler,
    RightsOfHandler,
    RotateSessionHandler,
    SessionRepository,
    ThrottleRepository,
    TokenAuthenticator,
    Tokens,
    UserRepository,
    Users,
  ],
  exports: [Users],
})
export class IdentityModule implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #purging = new Loop({ name: 'IdentityRetention', idleMs: PURGE_EVERY_MS }, async () => {
    const purged = await this.mediator.execute(new PurgeIdentity(PURGE_BATCH));
    return purged === PURGE_BATCH ? purged : 0;
  });

  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly mediator: Mediator,
    private readonly users: Users,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const { IDENTITY_ADMIN_EMAIL: email, IDENTITY_ADMIN_PASSWORD: password } = this.env;
    if (email !== undefined && password !== undefined)
      await this.users.ensureAdmin(email, password);
    if (this.env.ROLES.includes('scheduler')) this.#purging.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.#purging.stop();
  }
}
