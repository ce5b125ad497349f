import { z } from 'zod';
import { BettingStand } from '../../../test/support/betting.js';
import { BET_EVENT_CONTRACTS } from './bet.messages.js';

describe('the events that the bet maker publishes', () => {
  it('keep their contracts, every one of them', async () => {
    const stand = await BettingStand.boot();
    const events = await stand.app.watch('bet-maker.#');
    const event_id = await stand.offer();
    await stand.bet({ event_id, sum_bet: 1 });
    await stand.line.result(event_id, 'won');
    const types = BET_EVENT_CONTRACTS.map(({ type }) => type).sort();
    await stand.app.until(() => events.all.length >= types.length);
    expect(events.all.map(({ routingKey }) => routingKey).sort()).toEqual(types);
    for (const { routingKey, body } of events.all) {
      const contract = BET_EVENT_CONTRACTS.find(({ type }) => type === routingKey)!;
      // What a schema does not know is cut off by it, so nothing may be missing afterwards.
      expect(z.parse(contract.schema, body)).toEqual(body);
    }
    await stand.stop();
  });
});
