import {
  Body,
  type CanActivate,
  Controller,
  type DynamicModule,
  Get,
  Module,
  NotFoundException,
  Param,
  ParseIntPipe,
  Post,
  Query,
  Res,
  Sse,
  UseGuards,
} from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { NEVER } from 'rxjs';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { DEVELOPER } from '../../src/kernel/access/caller.js';
import { DomainError } from '../../src/kernel/domain/domain-error.js';
import { ENV, type Env, loadEnv } from '../../src/kernel/env.js';
import { ApiAnswer, ApiProblems } from '../../src/kernel/http/api.decorators.js';
import { createHttpApp } from '../../src/kernel/http/http-app.js';
import { HttpModule } from '../../src/kernel/http/http.module.js';
import { Idempotent } from '../../src/kernel/http/idempotent.decorator.js';
import { decodeCursor, page, pageOf, pageQuery } from '../../src/kernel/http/pages.js';
import { inTheSameShape, oneOrMany, uuidParam } from '../../src/kernel/http/shapes.js';
import { HealthChecks } from '../../src/kernel/observability/health-checks.js';
import { createDataSource } from '../../src/kernel/persistence/data-source.js';
import { UnitOfWork } from '../../src/kernel/persistence/unit-of-work.js';

const newThing = z
  .object({
    payload: z.string().max(100),
    priority: z.number().int().max(10).default(5),
    nested: z.unknown().optional(),
  })
  .meta({ id: 'NewThing' });

const thing = z
  .object({ id: z.uuid(), payload: z.string(), made_at: z.date() })
  .meta({ id: 'Thing' });

const listQuery = pageQuery.extend({ status: z.enum(['new', 'done']).optional() });
const sortKey = z.tuple([z.number()]);

/** What the controller's writes go through; a test gives its own. */
export class Effects {
  make: (payload: string) => Promise<string> = () =>
    Promise.resolve('019aa3a4-5b6c-7d8e-9f00-112233445566');
  fail: () => Promise<unknown> = () => Promise.reject(new Error('secret at src/boom.ts'));
}

/** Stands for whatever will know the caller. */
const namesCaller: CanActivate = {
  canActivate: (context) => {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const name = request.headers['x-caller'];
    if (typeof name === 'string') request.caller = { ...DEVELOPER, id: name };
    return true;
  },
};

@Controller('things')
@UseGuards(namesCaller)
class ThingsController {
  constructor(private readonly effects: Effects) {}

  @Post()
  @Idempotent()
  @ApiAnswer(oneOrMany(thing), { status: 201, description: 'Made' })
  async make(
    @Body({ schema: oneOrMany(newThing) })
    body: z.output<typeof newThing> | z.output<typeof newThing>[],
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const made = await inTheSameShape(body, async (items) => {
      const ids: string[] = [];
      for (const item of items) ids.push(await this.effects.make(item.payload));
      return items.map(({ payload }, index) => ({
        id: ids[index] ?? '',
        payload,
        made_at: new Date(0),
      }));
    });
    if (!Array.isArray(made))
      reply.header('location', `/api/v1/things/${(made as { id: string }).id}`);
    return made;
  }

  @Get()
  @ApiAnswer(pageOf(thing))
  list(@Query({ schema: listQuery }) { cursor, limit }: z.output<typeof listQuery>) {
    const [after] = cursor === undefined ? [0] : decodeCursor(sortKey, cursor);
    const rows = Array.from({ length: 120 - after }, (_, index) => after + index + 1);
    return page(rows.slice(0, limit + 1), limit, (row) => [row]);
  }

  @Get('error/domain/:kind')
  domainError(@Param('kind') kind: string): never {
    throw new DomainError(kind as 'conflict', 'the-code', 'The rule is broken.', {
      ...(kind === 'unavailable' ? { retryAfterSeconds: 2.1 } : {}),
      errors: [{ field: 'state', message: 'is final' }],
    });
  }

  @Get('error/nest/:number')
  nestError(@Param('number', ParseIntPipe) number: number): never {
    throw new NotFoundException(`There is no thing ${number}.`);
  }

  @Get('error/unexpected')
  unexpected() {
    return this.effects.fail();
  }

  @Sse('forever')
  forever() {
    return NEVER;
  }

  @Get('empty')
  empty() {
    return { ok: true };
  }

  @Get(':id')
  @ApiAnswer(thing)
  @ApiProblems(409)
  get(@Param('id', { schema: uuidParam }) id: string) {
    return { id, payload: 'found', made_at: new Date(0) };
  }
}

@Controller(['health', 'metrics'])
class ProbeController {
  @Get()
  ready() {
    return 'ok';
  }
}

@Module({})
export class DoorModule {
  static for(env: Env): DynamicModule {
    return {
      module: DoorModule,
      global: true,
      imports: [HttpModule],
      controllers: [ThingsController, ProbeController],
      providers: [
        Effects,
        HealthChecks,
        UnitOfWork,
        { provide: ENV, useValue: env },
        {
          provide: DataSource,
          useValue: createDataSource({ url: env.DATABASE_URL, poolSize: env.DATABASE_POOL_SIZE }),
        },
      ],
      exports: [ENV, HealthChecks, UnitOfWork],
    };
  }
}

export interface Door {
  readonly app: NestFastifyApplication;
  readonly effects: Effects;
  readonly unitOfWork: UnitOfWork;
  readonly dataSource: DataSource;
  close(): Promise<void>;
}

/** The HTTP door with a controller of its own behind it and nothing else. The database is not connected. */
export async function openDoor(settings: Record<string, string> = {}): Promise<Door> {
  const env = loadEnv({
    NODE_ENV: 'test',
    AUTH_MODE: 'open',
    SHUTDOWN_GRACE_MS: '0',
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing',
    ...settings,
  });
  const app = await createHttpApp(DoorModule.for(env), env, { logger: false });
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  return {
    app,
    effects: app.get(Effects),
    unitOfWork: app.get(UnitOfWork),
    dataSource: app.get(DataSource),
    close: () => app.close(),
  };
}
