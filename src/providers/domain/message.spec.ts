import { MAX_FAILURES, Message } from './message.js';
import type { Call, CallResult, MessageSpec } from './message.state.js';

const ID = '019aa3a4-5b6c-7d8e-9f00-112233445566';
const NOW = new Date('2026-03-10T12:00:00Z');

function message(spec: Partial<MessageSpec> = {}): Message {
  const defaults: MessageSpec = {
    ownerId: 'anna',
    payload: 'hello',
    wish: 'auto',
    maxWaitMs: 0,
    whenAmbiguous: 'keep',
    correlationId: 'c',
    traceparent: 't',
  };
  return Message.create({ ...defaults, ...spec }, ID, NOW);
}

const call = (result: CallResult, more: Partial<Call> = {}): Call => {
  return { provider: 'free', honoursKeys: false, costMicros: 0, result, ...more };
};
const unknown: CallResult = { kind: 'unknown', code: 'timeout', message: 'No answer' };
const broken: CallResult = { kind: 'broken', code: 'provider-error', message: '500' };

function settled(of: Message, ...calls: readonly Call[]): Message {
  for (const one of calls) of.settle(one, NOW, 0);
  return of;
}

describe('a message', () => {
  it('succeeds with the answer of its provider, and with what it cost', () => {
    const answered = call({ kind: 'answered', response: { text: 'hi' } }, { costMicros: 2_000 });
    const { state } = settled(message(), answered);
    expect(state).toMatchObject({ status: 'succeeded', response: { text: 'hi' }, attempts: 1 });
    expect(state).toMatchObject({ provider: 'free', costMicros: 2_000, finishedAt: NOW });
  });

  it('is queued again at once when its call was refused or never written', () => {
    const unsent: CallResult = { kind: 'unsent', code: 'econnrefused', message: 'refused' };
    for (const result of [{ kind: 'refused' } as const, unsent]) {
      const { state } = settled(message(), call(result));
      expect(state).toMatchObject({ status: 'queued', runAt: NOW, failures: 0, attempts: 1 });
    }
  });

  it('does not pay for what was never written, and pays for everything else', () => {
    const costs = (result: CallResult) =>
      settled(message(), call(result, { costMicros: 7 })).state.costMicros;
    expect(costs({ kind: 'unsent', code: 'x', message: 'x' })).toBe(0);
    expect([costs(broken), costs(unknown), costs({ kind: 'refused' })]).toEqual([7, 7, 7]);
  });

  it('fails at once when repeating it cannot help', () => {
    const rejected = call({ kind: 'rejected', code: 'bad-answer', message: 'not JSON' });
    const { state } = settled(message(), rejected);
    expect(state).toMatchObject({ status: 'failed', error: { code: 'bad-answer' } });
  });

  it('fails after three failures of providers, with growing pauses between them', () => {
    const one = message();
    const pauses: number[] = [];
    for (let failures = 1; failures < MAX_FAILURES; failures += 1) {
      one.settle(call(broken), NOW, 0.5);
      expect(one.state.status).toBe('queued');
      pauses.push(one.state.runAt.getTime() - NOW.getTime());
    }
    expect(pauses).toEqual([150, 300]);
    expect(settled(one, call(broken)).state).toMatchObject({ status: 'failed', failures: 3 });
  });
});

describe('a message of whose call nobody knows the end', () => {
  it('stays ambiguous when the provider would do the work twice', () => {
    const { state } = settled(message(), call(unknown));
    expect(state).toMatchObject({ status: 'ambiguous', error: { code: 'timeout' } });
  });

  it('is resent where its class allows, to any provider', () => {
    const { state } = settled(message({ whenAmbiguous: 'resend' }), call(unknown));
    expect(state).toMatchObject({ status: 'queued', pinned: false });
  });

  it('is resent to the same provider where that knows it by its key', () => {
    const { state } = settled(message(), call(unknown, { honoursKeys: true }));
    expect(state).toMatchObject({ status: 'queued', pinned: true, provider: 'free' });
  });

  it('stays with its provider while the repetition is refused or not written', () => {
    const doubted = settled(message(), call(unknown, { honoursKeys: true }));
    expect(settled(doubted, call({ kind: 'refused' })).state.pinned).toBe(true);
    doubted.handBack(NOW);
    expect(doubted.state.pinned).toBe(true);
  });

  it('is ambiguous, not failed, when no repetition is possible any more', () => {
    const doubted = settled(message(), call(unknown, { honoursKeys: true }));
    doubted.refuse({ code: 'free-quota-exhausted', message: 'no' }, NOW);
    expect(doubted.state.status).toBe('ambiguous');
  });

  it('is not resent for ever', () => {
    const calls = Array.from({ length: MAX_FAILURES }, () => call(unknown, { honoursKeys: true }));
    expect(settled(message(), ...calls).state.status).toBe('ambiguous');
  });
});

describe('a message without a provider', () => {
  const error = { code: 'free-quota-exhausted', message: 'no' };

  it('may wait as long as it was allowed to from its creation on', () => {
    expect(message({ maxWaitMs: 5_000 }).waitsUntil).toEqual(new Date(NOW.getTime() + 5_000));
  });

  it('waits with the reason, and fails with it', () => {
    const one = message({ maxWaitMs: 5_000 });
    one.wait(new Date(NOW.getTime() + 1_000), error);
    expect(one.state).toMatchObject({ status: 'waiting', error, finishedAt: null });
    one.refuse(error, NOW);
    expect(one.state).toMatchObject({ status: 'failed', error, finishedAt: NOW });
  });
});
