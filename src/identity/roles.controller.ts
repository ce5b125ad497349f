import { Body, Controller, Get, Param, Put } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { RequiresRight } from '../kernel/access/access.decorators.js';
import { Mediator } from '../kernel/cqrs/mediator.js';
import { ApiAnswer, ApiProblems } from '../kernel/http/api.decorators.js';
import { PutRole } from './commands/put-role.js';
import {
  putRole,
  type PutRoleRequest,
  roleList,
  roleName,
  roleView,
  type RoleView,
} from './identity.dto.js';
import { ListRoles } from './queries/list-roles.js';

@ApiTags('identity')
@Controller('roles')
@RequiresRight('admin')
export class RolesController {
  constructor(private readonly mediator: Mediator) {}

  @Get()
  @ApiOperation({ summary: 'List the roles that bring rights' })
  @ApiAnswer(roleList)
  list(): Promise<{ items: RoleView[] }> {
    return this.mediator.ask(new ListRoles());
  }

  @Put(':role')
  @ApiOperation({ summary: 'Say which rights a role brings' })
  @ApiAnswer(roleView)
  @ApiProblems(409)
  put(
    @Param('role', { schema: roleName }) name: string,
    @Body({ schema: putRole }) { rights }: PutRoleRequest,
  ): Promise<RoleView> {
    return this.mediator.execute(new PutRole(name, rights));
  }
}
