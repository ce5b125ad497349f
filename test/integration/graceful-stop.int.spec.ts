import { bootApp, BROKERS } from '../support/app.js';
import { Probe, PROBE_TABLE, ProbeModule } from '../support/probe.module.js';

describe.each(BROKERS)('a stop on %s', (broker) => {
  it('lets the handlers at work finish, and leaves the rest to others', async () => {
    const keeper = await bootApp({ broker, modules: [ProbeModule], env: { ROLES: 'api' } });
    await keeper.sql(PROBE_TABLE);
    const env = { ROLES: 'worker', MESSAGE_PREFETCH: '2', SHUTDOWN_GRACE_MS: '10000' };
    const app = await bootApp({ beside: keeper, modules: [ProbeModule], env });
    const probe = app.get(Probe);
    // Longer than everything else that a stop waits for.
    probe.behave = () => keeper.sql('select pg_sleep(1.5)');
    const notes = Array.from({ length: 5 }, (_, index) => `note-${String(index)}`);
    for (const note of notes) await keeper.send('probe', 'effect', { note });
    await app.until(() => probe.notes().length === 2);
    await app.stop();
    const effects = await keeper.sql('select note from kernel.probe_effect order by note');
    expect(effects).toEqual(notes.slice(0, 2).map((note) => ({ note })));
    expect(await keeper.broker.depth('probe')).toBe(3);
  });
});
