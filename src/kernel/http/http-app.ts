import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import fastifyCookie from '@fastify/cookie';
import {
  type DynamicModule,
  type NestApplicationOptions,
  type Type,
  VersioningType,
} from '@nestjs/common';
import { ModulesContainer, NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import type { ConnectionError, FastifyHttpOptions, FastifyInstance } from 'fastify';
import { AccessControl } from '../access/access-control.js';
import { recogniseCallers } from '../access/credentials.js';
import type { Env } from '../env.js';
import { asyncApiDocument } from '../messaging/asyncapi/asyncapi-document.js';
import { asyncApiPage, PAGE_MAY_LOAD } from '../messaging/asyncapi/asyncapi-page.js';
import type { AsyncApiDocument } from '../messaging/asyncapi/asyncapi-types.js';
import { registerHttpTracing } from '../observability/http-tracing.js';
import { newTraceId } from '../observability/trace-context.js';
import { AllowedMethods } from './allowed-methods.js';
import { Draining } from './draining.js';
import { Idempotency, recogniseKeyedRequests } from './idempotency.js';
import { useJsonBodies } from './json-body.js';
import { openApiDocument } from './openapi.js';
import { PROBLEM_CONTENT_TYPE, problemOf, verdict, verdictOn } from './problem.js';
import { sendProblem } from './problem.filter.js';
import { limitRates } from './rate-limit.js';

const BODY_LIMIT = 4 * 1024 * 1024;
/** Larger than Node's own, so that an overlong token is told to be one. Bodies take more, so it opens no door. */
const HEADER_LIMIT = 128 * 1024;
const CURRENT = '/api/v1';

/** Milliseconds. Together they bound what a slow or silent client can hold. */
const TIMEOUTS = {
  /** From the opening of the connection, or the first byte of a later request, to the last header. */
  headersTimeout: 10_000,
  /** The same, to the last byte of the body. */
  requestTimeout: 30_000,
  /** How often Node looks for connections that are past the two above. */
  connectionsCheckingInterval: 2_000,
  /** A little longer than the minute that load balancers keep theirs, so that they are the ones to close. */
  keepAliveTimeout: 65_000,
  /** Without any traffic, also while an answer is awaited: streams of events must send a sign of life in between. */
  connectionTimeout: 120_000,
};

/**
 * The application with its HTTP door: JSON only, problem documents, `/api/v1` with aliases, documentation at
 * `/api/docs` and `/api/asyncapi`. Fails like `NestFactory.create` does; it does not listen yet.
 */
export async function createHttpApp(
  module: DynamicModule | Type,
  env: Env,
  options: NestApplicationOptions = {},
): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(module, fastifyAdapter(env), {
    ...options,
    bodyParser: false,
  });
  await app.register(fastifyCookie, { hook: false }); // read where they are looked at, and not for every request
  configureHttp(app, env);
  return app;
}

/** Fastify as the API needs it. */
function fastifyAdapter(env: Env): FastifyAdapter {
  const { keepAliveTimeout, connectionTimeout, requestTimeout, ...http } = TIMEOUTS;
  const options: FastifyHttpOptions<Server> = {
    bodyLimit: BODY_LIMIT,
    trustProxy: env.TRUSTED_PROXIES.length > 0 ? env.TRUSTED_PROXIES : false,
    keepAliveTimeout,
    connectionTimeout,
    requestTimeout,
    http: { ...http, maxHeaderSize: HEADER_LIMIT },
    // Requests that still arrive during a shutdown are answered in full; see Draining.
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 512 },
    rewriteUrl: canonicalUrl,
    frameworkErrors: (error, request, reply) => {
      sendProblem(request, reply, verdictOn(error), error);
    },
    clientErrorHandler: answerBrokenRequest,
  };
  return new FastifyAdapter(options);
}

/** Everything of the door that needs the application's providers. Call it before `init` or `listen`. */
function configureHttp(app: NestFastifyApplication, env: Env): void {
  describeRoutes(app);
  const fastify = app.getHttpAdapter().getInstance();
  registerHttpTracing(fastify); // before all other hooks, so that what they refuse can be traced
  const allowedMethods = app.get(AllowedMethods);
  fastify.addHook('onRoute', ({ url, method }) => {
    allowedMethods.add(url, method);
  });
  secure(fastify);
  if (env.CORS_ORIGINS.length > 0) allowOrigins(app, env.CORS_ORIGINS);
  recogniseCallers(fastify, app.get(AccessControl), env.CORS_ORIGINS);
  limitRates(fastify, env.RATE_LIMIT_PER_SECOND);
  useJsonBodies(fastify);
  recogniseKeyedRequests(fastify, app.get(Idempotency));
  app.get(Draining).watch(fastify);
  fastify.get('/', (_request, reply) => reply.redirect('/api/docs'));
  serveDocumentation(app);
  serveMessageDocumentation(fastify, () => asyncApiDocument(app.get(ModulesContainer), env));
}

/** Exactly these, never a wildcard and never what a request merely claims: they may read answers to a user's cookies. */
function allowOrigins(app: NestFastifyApplication, origins: string[]): void {
  app.enableCors({
    origin: origins,
    credentials: true,
    exposedHeaders: ['location', 'retry-after', 'idempotency-replayed'],
    maxAge: 600,
  });
}

/**
 * The documents of a module as they would be served. Nothing of the module is started, so it needs neither database
 * nor broker.
 */
export async function describeApi(
  module: DynamicModule | Type,
  env: Env,
): Promise<{ openApi: OpenAPIObject; asyncApi: AsyncApiDocument }> {
  const app = await NestFactory.create<NestFastifyApplication>(module, new FastifyAdapter(), {
    preview: true,
    logger: ['error'],
  });
  describeRoutes(app);
  return {
    openApi: openApiDocument(app),
    asyncApi: asyncApiDocument(app.get(ModulesContainer), env),
  };
}

/** Where the controllers are served; all that the OpenAPI document needs to know. */
function describeRoutes(app: NestFastifyApplication): void {
  app.setGlobalPrefix('api');
  app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
}

function serveDocumentation(app: NestFastifyApplication): void {
  SwaggerModule.setup('api/docs', app, () => openApiDocument(app), {
    jsonDocumentUrl: 'api/openapi.json',
    raw: ['json'],
    customSiteTitle: 'Millrace API',
    swaggerOptions: { persistAuthorization: true },
  });
}

/** Made when somebody first asks, because no start need wait for it. */
function serveMessageDocumentation(fastify: FastifyInstance, describe: () => AsyncApiDocument) {
  let made: { readonly json: string; readonly page: string } | undefined;
  const documents = () => (made ??= rendered(describe()));
  fastify.get('/api/asyncapi.json', (_request, reply) =>
    reply.type('application/json').send(documents().json),
  );
  fastify.get('/api/asyncapi', (_request, reply) =>
    reply
      .header('content-security-policy', PAGE_MAY_LOAD)
      .type('text/html; charset=utf-8')
      .send(documents().page),
  );
}

function rendered(document: AsyncApiDocument) {
  return { json: JSON.stringify(document), page: asyncApiPage(document) };
}

/**
 * `/tasks` is the current version's `/api/v1/tasks`. Whatever Nest compares with a path sees the whole one, so no
 * guard or middleware that is bound to a path can be passed by on the alias.
 */
function canonicalUrl(request: IncomingMessage & { originalUrl?: string }): string {
  const url = request.url ?? '/';
  if (url.startsWith('/api/') || url === '/' || !url.startsWith('/') || url === '/api') return url;
  request.originalUrl = CURRENT + url;
  return request.originalUrl;
}

const HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};
const NOTHING_MAY_LOAD = "default-src 'none'; frame-ancestors 'none'";
const SWAGGER_MAY_LOAD =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'";

/** HSTS is left to whoever terminates TLS. */
function secure(fastify: FastifyInstance): void {
  const api = { ...HEADERS, 'content-security-policy': NOTHING_MAY_LOAD };
  const docs = { ...HEADERS, 'content-security-policy': SWAGGER_MAY_LOAD };
  fastify.addHook('onRequest', (request, reply, done) => {
    reply.headers(request.url.startsWith('/api/docs') ? docs : api);
    done();
  });
}

/** Node could not even read the request, so there is no reply object: the answer is written by hand. */
function answerBrokenRequest(error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (socket.writable) socket.write(rawProblem(statusOfBroken(error.code)));
  socket.destroy(error);
}

function statusOfBroken(code: string): number {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 408;
  return code === 'HPE_HEADER_OVERFLOW' ? 431 : 400;
}

function rawProblem(status: number): string {
  const body = JSON.stringify(problemOf(verdict(status), '/', newTraceId()));
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    `content-type: ${PROBLEM_CONTENT_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    '',
    body,
  ].join('\r\n');
}
