import type { FastifyInstance, FastifyRequest } from 'fastify';
import { sendProblem } from '../http/problem.filter.js';
import { verdictOn } from '../http/problem.js';
import { type AccessControl, bearerToken } from './access-control.js';
import { CrossSiteWrite } from './access.errors.js';

/** Carries the access token of a browser. */
export const SESSION_COOKIE = 'session';
/** Carries what a new access token is got with. */
export const REFRESH_COOKIE = 'refresh';

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];
/** Where a browser takes plain HTTP for good enough. */
const LOCAL_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;

/**
 * Finds out who calls, before anything else is done for the request: from a bearer token, else from the cookie. What is
 * wrong with the token is kept for the guard, because a public route, such as a login, does not mind. A write by cookie
 * that another site has caused is answered 403 here.
 */
export function recogniseCallers(
  fastify: FastifyInstance,
  control: AccessControl,
  ownOrigins: readonly string[],
): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    const { authorization, cookie } = request.headers;
    if (authorization === undefined && cookie === undefined) {
      done();
      return;
    }
    if (authorization === undefined && isCrossSiteWrite(request, ownOrigins)) {
      sendProblem(request, reply, verdictOn(new CrossSiteWrite()));
      return;
    }
    const token =
      authorization === undefined
        ? cookieOf(request, SESSION_COOKIE)
        : (bearerToken(authorization) ?? '');
    if (token === undefined) done();
    else
      void identify(request, control, token).then(() => {
        done();
      });
  });
}

async function identify(
  request: FastifyRequest,
  control: AccessControl,
  token: string,
): Promise<void> {
  try {
    request.caller = await control.authenticate(token);
    request.recheck = () => control.authenticate(token);
  } catch (error) {
    request.disbelief = error instanceof Error ? error : new Error(String(error));
  }
}

/**
 * The value of a cookie of ours. Only the name that this connection calls for is read, so that a neighbour of the domain
 * or of the port cannot slip in one under the other name.
 */
export function cookieOf(request: FastifyRequest, name: string): string | undefined {
  const { headers, server } = request;
  if (headers.cookie === undefined) return undefined;
  return server.parseCookie(headers.cookie)[cookieName(request, name)];
}

/**
 * `__Host-` and Secure, so that no other host can set it and no plain connection carries it. Over plain HTTP on this very
 * machine browsers would drop such a cookie: there it has neither.
 */
function cookieName(request: FastifyRequest, name: string): string {
  return isLocalAndPlain(request) ? name : `__Host-${name}`;
}

/** The text of a `Set-Cookie` that ends after so many seconds; 0 deletes it. */
export function setCookie(
  request: FastifyRequest,
  name: string,
  { value, maxAge }: { readonly value: string; readonly maxAge: number },
): string {
  return request.server.serializeCookie(cookieName(request, name), value, {
    path: '/',
    httpOnly: true,
    sameSite: 'lax',
    secure: !isLocalAndPlain(request),
    maxAge,
  });
}

function isLocalAndPlain(request: FastifyRequest): boolean {
  return request.protocol === 'http' && LOCAL_HOST.test(request.host);
}

/** Fetch metadata where the browser sends it, else the origin; who sends neither has to use a bearer token. */
function isCrossSiteWrite(request: FastifyRequest, ownOrigins: readonly string[]): boolean {
  if (SAFE_METHODS.includes(request.method) || !hasOurCookie(request)) return false;
  const { origin, 'sec-fetch-site': site } = request.headers;
  if (origin !== undefined && ownOrigins.includes(origin)) return false;
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  return origin !== `${request.protocol}://${request.host}`;
}

function hasOurCookie(request: FastifyRequest): boolean {
  return [SESSION_COOKIE, REFRESH_COOKIE].some((name) => cookieOf(request, name) !== undefined);
}
