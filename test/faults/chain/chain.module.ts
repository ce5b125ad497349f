import { Body, Controller, Headers, Injectable, Module, Post } from '@nestjs/common';
import { z } from 'zod';
import type { Incoming, MessageOutcome } from '../../../src/kernel/messaging/batch-method.js';
import {
  MessageScope,
  OnEvent,
  OnMessage,
} from '../../../src/kernel/messaging/message.decorators.js';
import { RetryLater } from '../../../src/kernel/messaging/settlement.js';
import { commandMessage, eventMessage } from '../../../src/kernel/outbox/outbox-message.js';
import { Outbox } from '../../../src/kernel/outbox/outbox.js';
import { UnitOfWork } from '../../../src/kernel/persistence/unit-of-work.js';
import { Journal } from './journal.js';

/** Told by the first scope of the chain to the other two. */
export const FIRST_DONE = 'chain.first-done.v1';
/** First in order per key, then one by one, then many at once. */
export const SCOPES = ['first', 'second', 'third'] as const;
export type ScopeName = (typeof SCOPES)[number];

const link = z.strictObject({
  id: z.string(),
  key: z.string(),
  /** In the two later scopes: fails at its first attempt, or at every one until it is mended. */
  fault: z.enum(['stumbles', 'poison']).optional(),
});
export type Link = z.output<typeof link>;

const order = z.strictObject({ to: z.enum(SCOPES).default('first'), links: z.array(link).min(1) });
export type Order = z.input<typeof order>;

/** Part of no migration. Nothing here is unique: what happens twice is seen twice. */
export const CHAIN_TABLES = `
  create schema chain;
  create table chain.appended (place bigint generated always as identity, id text, key text, scope text);
  create table chain.effect (place bigint generated always as identity, scope text, id text, key text);
  create table chain.mended (id text);`;

const RETRY = ['1s', '1s'] as const;

@Injectable()
class Effects {
  readonly #journal = new Journal(process.env['CHAIN_JOURNAL'] ?? '/dev/null');

  constructor(private readonly unitOfWork: UnitOfWork) {}

  started(scope: ScopeName, { id }: Link, attempt: number): void {
    this.#journal.write({ what: 'started', scope, id, attempt });
  }

  async write(scope: ScopeName, links: readonly Link[]): Promise<void> {
    await this.unitOfWork.query(
      'insert into chain.effect (scope, id, key) select $1, id, key from unnest($2::text[], $3::text[]) as link (id, key)',
      [scope, links.map(({ id }) => id), links.map(({ key }) => key)],
    );
  }

  async isPoison({ id, fault }: Link): Promise<boolean> {
    if (fault !== 'poison') return false;
    const mended = await this.unitOfWork.query('select 1 from chain.mended where id = $1', [id]);
    return mended.length === 0;
  }
}

/** Appends to the outbox, all of an order or nothing. Links of one order have one key, whose orders wait for each other. */
@Controller('chain')
class ProducerController {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly outbox: Outbox,
  ) {}

  @Post()
  append(@Body({ schema: order }) { to, links }: z.output<typeof order>): Promise<void> {
    return this.unitOfWork.run(async () => {
      await this.unitOfWork.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
        links[0]?.key,
      ]);
      await this.unitOfWork.query(
        `insert into chain.appended (id, key, scope)
         select id, key, $1 from unnest($2::text[], $3::text[]) with ordinality as link (id, key, n) order by n`,
        [to, links.map(({ id }) => id), links.map(({ key }) => key)],
      );
      await this.outbox.append(
        links.map((body) =>
          commandMessage({ queue: to, route: 'take', body }, { id: body.id, key: body.key }),
        ),
      );
    });
  }
}

@Controller()
@MessageScope('first', { ordered: true, retry: RETRY })
class FirstController {
  constructor(
    private readonly effects: Effects,
    private readonly outbox: Outbox,
  ) {}

  @OnMessage('take')
  async take(@Body({ schema: link }) one: Link): Promise<void> {
    this.effects.started('first', one, 1);
    await this.effects.write('first', [one]);
    await this.outbox.append([eventMessage({ type: FIRST_DONE, key: one.key, data: one })]);
  }
}

@Controller()
@MessageScope('second', { retry: RETRY })
class SecondController {
  constructor(private readonly effects: Effects) {}

  @OnMessage('take')
  @OnEvent(FIRST_DONE)
  async take(@Body({ schema: link }) one: Link, @Headers('x-attempt') n = '1'): Promise<void> {
    this.effects.started('second', one, Number(n));
    await this.effects.write('second', [one]);
    if (one.fault === 'stumbles' && n === '1') throw new Error('stumbled');
    if (await this.effects.isPoison(one)) throw new Error('poison');
  }
}

@Controller()
@MessageScope('third', { retry: RETRY })
class ThirdController {
  constructor(private readonly effects: Effects) {}

  @OnMessage('take', { batch: 50, body: link })
  @OnEvent(FIRST_DONE, { batch: 50, body: link })
  async take(messages: readonly Incoming<Link>[]): Promise<MessageOutcome[]> {
    for (const { body, attempt } of messages) this.effects.started('third', body, attempt);
    const stumbling = ({ body, attempt }: Incoming<Link>) =>
      body.fault === 'stumbles' && attempt === 1;
    const links = messages.filter((one) => !stumbling(one)).map(({ body }) => body);
    await this.effects.write('third', links);
    for (const one of links) if (await this.effects.isPoison(one)) throw new Error('poison');
    return messages.map((one) => (stumbling(one) ? new RetryLater('1s', 'stumbled') : undefined));
  }
}

/** Three scopes, each with an effect in Postgres; the first tells the others through the outbox. */
@Module({
  controllers: [ProducerController, FirstController, SecondController, ThirdController],
  providers: [Effects],
})
export class ChainModule {}
