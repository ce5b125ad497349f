import { Body, Controller, Get, Param, Patch, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { RequiresRight } from '../kernel/access/access.decorators.js';
import { Mediator } from '../kernel/cqrs/mediator.js';
import { ApiAnswer } from '../kernel/http/api.decorators.js';
import type { Page } from '../kernel/http/pages.js';
import { uuidParam } from '../kernel/http/shapes.js';
import {
  changeUser,
  type ChangeUserRequest,
  listUsersQuery,
  type ListUsersRequest,
  userPage,
  userView,
  type UserView,
} from './identity.dto.js';
import { GetUser, ListUsers } from './queries/users.js';
import { Users } from './security/users.js';

@ApiTags('identity')
@Controller('users')
@RequiresRight('admin')
export class UsersController {
  constructor(
    private readonly mediator: Mediator,
    private readonly users: Users,
  ) {}

  @Get()
  @ApiOperation({ summary: 'List users, newest first' })
  @ApiAnswer(userPage)
  list(@Query({ schema: listUsersQuery }) query: ListUsersRequest): Promise<Page<UserView>> {
    return this.mediator.ask(new ListUsers(query));
  }

  @Get(':user_id')
  @ApiOperation({ summary: 'Get a user' })
  @ApiAnswer(userView)
  get(@Param('user_id', { schema: uuidParam }) userId: string): Promise<UserView> {
    return this.mediator.ask(new GetUser(userId));
  }

  @Patch(':user_id')
  @ApiOperation({ summary: 'Give and take roles and rights, disable, set a new password' })
  @ApiAnswer(userView)
  change(
    @Param('user_id', { schema: uuidParam }) userId: string,
    @Body({ schema: changeUser }) body: ChangeUserRequest,
  ): Promise<UserView> {
    return this.users.change(userId, body);
  }
}
