import { Body, Controller, Get, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CurrentCaller, Public } from '../kernel/access/access.decorators.js';
import type { Caller } from '../kernel/access/caller.js';
import { Mediator } from '../kernel/cqrs/mediator.js';
import { ApiAnswer, ApiProblems } from '../kernel/http/api.decorators.js';
import { RegisterUser } from './commands/register-user.js';
import {
  loggedIn,
  type LoggedInView,
  logIn,
  type LogInRequest,
  me,
  type MeView,
  refresh,
  type RefreshRequest,
  registerUser,
  type RegisterUserRequest,
  userView,
  type UserView,
} from './identity.dto.js';
import { forgetTokens, handOver, refreshTokenOf, sessionOf } from './security/token-delivery.js';
import { Logins } from './security/logins.js';
import { Passwords } from './security/passwords.js';
import { toMe } from './me.view.js';

@ApiTags('identity')
@Controller('auth')
export class AuthController {
  constructor(
    private readonly logins: Logins,
    private readonly mediator: Mediator,
    private readonly passwords: Passwords,
  ) {}

  @Public()
  @Post('register')
  @ApiOperation({ summary: 'Register a user, without any rights' })
  @ApiAnswer(userView, { status: 201, description: 'The user, not logged in' })
  @ApiProblems(409)
  async register(
    @Req() { ip }: FastifyRequest,
    @Body({ schema: registerUser }) { password, ...user }: RegisterUserRequest,
  ): Promise<UserView> {
    await this.logins.admitRegistration(ip);
    return this.mediator.execute(new RegisterUser(user, await this.passwords.hash(password)));
  }

  @Public()
  @Post('login')
  @HttpCode(200)
  @ApiOperation({ summary: 'Log in' })
  @ApiAnswer(loggedIn, { description: 'The tokens are in cookies, unless asked for in the body' })
  @ApiProblems(401)
  async logIn(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Body({ schema: logIn }) { token_delivery: delivery, ...given }: LogInRequest,
  ): Promise<LoggedInView> {
    const login = await this.logins.logIn({ ...given, address: request.ip });
    return handOver(login, delivery, request, reply);
  }

  @Public()
  @Post('refresh')
  @HttpCode(200)
  @ApiOperation({ summary: 'Get new tokens for a refresh token, which is good once' })
  @ApiAnswer(loggedIn, { description: 'In the body when the refresh token came there' })
  @ApiProblems(401)
  async refresh(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Body({ schema: refresh }) body: RefreshRequest,
  ): Promise<LoggedInView> {
    const login = await this.logins.refresh(refreshTokenOf(request, body));
    return handOver(login, body ? 'body' : 'cookie', request, reply);
  }

  @Public()
  @Post('logout')
  @HttpCode(204)
  @ApiOperation({ summary: 'End the session of the token, or of the refresh token' })
  async logOut(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Body({ schema: refresh }) body: RefreshRequest,
  ): Promise<void> {
    await this.logins.logOut(sessionOf(request), refreshTokenOf(request, body));
    forgetTokens(request, reply);
  }

  @Get('me')
  @ApiOperation({ summary: 'Tell who calls, and what he may do' })
  @ApiAnswer(me)
  me(@CurrentCaller() caller: Caller): MeView {
    return toMe(caller);
  }
}
