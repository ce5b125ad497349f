import { randomUUID } from 'node:crypto';
import { type BrokerMessage, COMMANDS_EXCHANGE } from '../../src/kernel/messaging/broker.js';
import type { RedriveAnswer } from '../../src/kernel/dead-letters/dead-letters.dto.js';
import { type App, bootApp, type BROKERS } from './app.js';
import type { DeadLetterBody } from './letters.js';
import { Probe, PROBE_TABLE, ProbeModule } from './probe.module.js';

interface LetterPage {
  readonly items: DeadLetterBody[];
  readonly next_cursor: string | null;
}

/** The application with the probe, where a message has two attempts; `afterAll` is to stop it. */
export async function bootProbe(broker: (typeof BROKERS)[number]) {
  const env = { MESSAGE_ATTEMPTS: '2' };
  const app = await bootApp({ broker, modules: [ProbeModule], env, shared: true });
  await app.sql(PROBE_TABLE);
  return { app, probe: app.get(Probe), letters: deadLettersOf(app) };
}

/** A message for the probe without a route. */
export function probeMessage(more: Partial<BrokerMessage> = {}): BrokerMessage {
  return {
    id: randomUUID(),
    exchange: COMMANDS_EXCHANGE,
    routingKey: 'probe',
    headers: {},
    contentType: 'application/json',
    payload: Buffer.from('{}'),
    ...more,
  };
}

/** What the tests do with the dead letters of the probe, through the API. */
export function deadLettersOf(app: App) {
  const dead = app.deadLetters('probe');
  const list = async (query = '') =>
    (await app.http.get<LetterPage>(`/dead-letters?${query}`)).body;
  const letterOf = async (messageId: string, deaths = 1) => {
    await dead.withId(messageId, deaths);
    const { items } = await list(`message_id=${encodeURIComponent(messageId)}`);
    return (await app.http.get<DeadLetterBody>(`/dead-letters/${items[0]?.id ?? 'unlisted'}`)).body;
  };
  return {
    dead,
    list,
    letterOf,
    redrive: (id: string) => app.http.post<DeadLetterBody>(`/dead-letters/${id}/redrive`),
    redriveAll: async (body: object) =>
      (await app.http.post<RedriveAnswer>('/dead-letters/redrive', body)).body,
    /** Dies at its first attempt, unless it is mended. */
    brokenEffect: async (note: string, more?: Partial<BrokerMessage>) =>
      letterOf(await app.send('probe', 'effect', { note: 17, mended: note }, more)),
    /** The next life of the letter has a payload that the handler takes. */
    mend: (letter: DeadLetterBody, note: string) =>
      app.sql('update kernel.dead_letter set payload = $2 where id = $1', [
        letter.id,
        Buffer.from(JSON.stringify({ note })),
      ]),
    effects: async (note: string) =>
      (await app.sql('select 1 from kernel.probe_effect where note = $1', [note])).length,
    publish: async (...messages: Partial<BrokerMessage>[]) => {
      const sent = messages.map(probeMessage);
      expect(await app.broker.publish(sent)).toEqual(sent.map(() => undefined));
      return sent.map(({ id }) => id);
    },
  };
}
