import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  cookieOf,
  REFRESH_COOKIE,
  SESSION_COOKIE,
  setCookie,
} from '../../kernel/access/credentials.js';
import type { LoggedInView, LogInRequest, RefreshRequest } from '../identity.dto.js';
import type { UserCaller } from '../queries/callers.js';
import type { Login } from './logins.js';

/** Of the cookie; the session itself may end earlier. Browsers keep none for longer than 400 days. */
const REFRESH_COOKIE_SECONDS = 400 * 86_400;

/** Hands the tokens over in cookies, which no script can read, or in the body to a client that asked for that. */
export function handOver(
  login: Login,
  delivery: LogInRequest['token_delivery'],
  request: FastifyRequest,
  reply: FastifyReply,
): LoggedInView {
  const { userId, accessToken, refreshToken, expiresInSeconds } = login;
  const told = { user_id: userId, expires_in: expiresInSeconds };
  if (delivery === 'body') {
    const tokens = { access_token: accessToken, refresh_token: refreshToken };
    return { ...told, token_type: 'Bearer', ...tokens };
  }
  const session = { value: accessToken, maxAge: expiresInSeconds };
  const refresh = { value: refreshToken, maxAge: REFRESH_COOKIE_SECONDS };
  reply.header('set-cookie', [
    setCookie(request, SESSION_COOKIE, session),
    setCookie(request, REFRESH_COOKIE, refresh),
  ]);
  return told;
}

/** Deletes the cookies; a client that has none is told so in vain. */
export function forgetTokens(request: FastifyRequest, reply: FastifyReply): void {
  const gone = { value: '', maxAge: 0 };
  reply.header(
    'set-cookie',
    [SESSION_COOKIE, REFRESH_COOKIE].map((name) => setCookie(request, name, gone)),
  );
}

/** That of the body before that of the cookie; empty where there is neither. */
export function refreshTokenOf(request: FastifyRequest, body: RefreshRequest): string {
  return body?.refresh_token ?? cookieOf(request, REFRESH_COOKIE) ?? '';
}

export function sessionOf({ caller }: FastifyRequest): string | undefined {
  return (caller as Partial<UserCaller> | undefined)?.sessionId;
}
