import { randomUUID } from 'node:crypto';
import { type App, bootApp } from '../../test/support/app.js';
import { ProviderStand } from '../../test/support/providers.js';
import { RecoverMessages } from './commands/recover-messages.js';
import { PurgeMessages } from './commands/purge-messages.js';
import { DispatcherRepository } from './dispatcher.repository.js';
import type { MessageView } from './messages.dto.js';

describe('messages of a process that died', () => {
  let stand: ProviderStand;
  let app: App;
  let honours = false;

  const start = async (env: Record<string, string> = {}) => {
    stand = await ProviderStand.open();
    app = await bootApp({ env: { ...stand.env, ROLES: 'api,worker,relay', ...env } });
  };
  afterEach(() => stand.close());

  /** As a dispatcher leaves it that is killed before, or after, its call was entered into the journal. */
  const abandoned = async (call: 'not made' | 'open', whenAmbiguous = 'keep'): Promise<string> => {
    const [id, owner] = [randomUUID(), randomUUID()];
    await app.sql(`insert into providers.dispatcher (id, expires_at) values ($1, now())`, [owner]);
    await app.sql(
      `insert into providers.message (id, owner_id, state, wish, max_wait_ms, when_ambiguous, payload, run_at,
         created_at, lease_owner, correlation_id, traceparent)
       values ($1, 'anonymous', 'sending', 'auto', 0, $3, '1', now(), now(), $2, 'c', '')`,
      [id, owner, whenAmbiguous],
    );
    if (call === 'open') {
      await app.sql(
        `insert into providers.dispatch (message_id, attempt, provider, epoch, cost_micros, honours_keys)
         select $1, 1, 'free', 1, 0, $2`,
        [id, honours],
      );
    }
    return id;
  };
  const recover = async (): Promise<number> =>
    app.execute(new RecoverMessages(await app.get(DispatcherRepository).declareDead(), 100));
  const ended = (id: string) =>
    app.until(async () => {
      const { body } = await app.http.get<MessageView>(`/messages/${id}`);
      return body.finished_at === null ? undefined : body;
    });

  it('are sent when no call was in the journal', async () => {
    await start();
    const id = await abandoned('not made');
    expect(await recover()).toBe(1);
    expect(await ended(id)).toMatchObject({ state: 'succeeded', attempts: 1 });
    expect(await recover()).toBe(0);
    expect(await app.sql(`select id from providers.dispatcher where expires_at < now()`)).toEqual(
      [],
    );
  });

  it('are ambiguous when one was, and the provider would do the work twice', async () => {
    await start();
    honours = false;
    const id = await abandoned('open');
    await recover();
    expect(await ended(id)).toMatchObject({ state: 'ambiguous', error: { code: 'process-died' } });
    expect(stand.free.simulator.statistics().accepted).toBe(0);
  });

  it('are sent again where the provider knows them by their key, or their class allows it', async () => {
    await start();
    honours = true;
    const keyed = await abandoned('open');
    honours = false;
    const resent = await abandoned('open', 'resend');
    await recover();
    expect(await ended(keyed)).toMatchObject({ state: 'succeeded', attempts: 2 });
    expect(await ended(resent)).toMatchObject({ state: 'succeeded', attempts: 2 });
  });

  it('are left alone while it lives', async () => {
    await start();
    const id = await abandoned('not made');
    await app.sql(`update providers.dispatcher set expires_at = now() + interval '1 hour'`);
    expect(await recover()).toBe(0);
    expect(await app.sql(`select state from providers.message where id = $1`, [id])).toEqual([
      { state: 'sending' },
    ]);
  });

  it('are deleted with their journal at the end of their retention, and not before', async () => {
    await start();
    const post = async () =>
      (await app.http.post<MessageView>('/messages', { payload: 1 }, { prefer: 'wait=10' })).body
        .id;
    const [old, young] = [await post(), await post()];
    const older = '00000000-0000-7000-8000-000000000001';
    await app.sql(
      `update providers.message set id = $2, finished_at = now() - interval '31 days' where id = $1`,
      [old, older],
    );
    await app.sql(
      `update providers.dispatch set written_at = now() - interval '31 days' where message_id = $1`,
      [old],
    );
    expect(await app.execute(new PurgeMessages(30, 100))).toBe(2);
    expect(await app.sql(`select id from providers.message`)).toEqual([{ id: young }]);
    expect(await app.sql(`select message_id from providers.dispatch`)).toEqual([
      { message_id: young },
    ]);
  });
});
