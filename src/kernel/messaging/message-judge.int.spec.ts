import { randomUUID } from 'node:crypto';
import { type DataSource, QueryFailedError } from 'typeorm';
import { type Lease, testDatabase } from '../../../test/support/services.js';
import { Inbox } from '../inbox/inbox.js';
import { createDataSource } from '../persistence/data-source.js';
import { Database } from '../persistence/database.js';
import { UnitOfWork } from '../persistence/unit-of-work.js';
import type { BrokerMessage, Delivery } from './broker.js';
import { MessageJudge } from './message-judge.js';

const SCOPE = { name: 'judged', retry: [1_000, 1_000] } as const;
const LAST = 3;
const lost = new QueryFailedError('commit', [], new Error('Connection terminated unexpectedly'));

describe('A message whose last attempt failed', () => {
  let lease: Lease;
  let dataSource: DataSource;
  let unitOfWork: UnitOfWork;
  let inbox: Inbox;
  let judge: MessageJudge;

  beforeAll(async () => {
    lease = await testDatabase();
    dataSource = await createDataSource({ url: lease.url }).initialize();
    unitOfWork = new UnitOfWork(dataSource);
    const database = new Database(dataSource, unitOfWork);
    inbox = new Inbox(unitOfWork, database);
    judge = new MessageJudge(database, inbox);
  });
  afterAll(async () => {
    await dataSource.destroy();
    await lease.release();
  });

  const verdictOn = (error: unknown, id: string, attempt = LAST) => {
    const delivery = { message: { id } as BrokerMessage } as Delivery;
    return judge.verdict(error, { delivery, attempt }, SCOPE);
  };
  const committed = async () => {
    const id = randomUUID();
    await unitOfWork.run(() => inbox.accept(SCOPE.name, id));
    return id;
  };

  it.each([
    ['because the answer to its commit was lost', lost],
    ['for another reason, after the answer to an earlier commit was lost', new Error('expired')],
  ])('%s is no dead letter when its effect is there', async (_, error) => {
    const done = await committed();
    expect(await verdictOn(error, done)).toEqual({ kind: 'ack', outcome: 'duplicate' });
  });

  it('with its connection, though Postgres is there, is a dead letter when it had no effect', async () => {
    const id = randomUUID();
    expect(await verdictOn(lost, id)).toMatchObject({ kind: 'dead-letter' });
    expect(await inbox.has(SCOPE.name, id)).toBe(false); // asking left no trace
  });

  it('and whose commit is still under way is judged when that has ended', async () => {
    const id = randomUUID();
    const answered = Promise.withResolvers<void>();
    const accepted = Promise.withResolvers<void>();
    const committing = unitOfWork.run(async () => {
      await inbox.accept(SCOPE.name, id);
      accepted.resolve();
      await answered.promise;
    });
    await accepted.promise;
    const verdict = verdictOn(lost, id);
    answered.resolve();
    await committing;
    expect(await verdict).toEqual({ kind: 'ack', outcome: 'duplicate' });
  });

  it('is dead without a look when it was the first one and its connection held', async () => {
    const done = await committed();
    const scope = { ...SCOPE, retry: [] };
    const delivery = { message: { id: done } as BrokerMessage } as Delivery;
    const verdict = await judge.verdict(new Error('broken'), { delivery, attempt: 1 }, scope);
    expect(verdict).toMatchObject({ kind: 'dead-letter' });
  });
});
