import { deliveringContract } from './broker-delivering.contract.js';
import { orderingContract } from './broker-ordering.contract.js';
import { BrokerFixture, type BrokerClient } from './broker-fixture.js';
import { repliesContract } from './broker-replies.contract.js';
import { publishingContract } from './broker-publishing.contract.js';
import { cutContract, settlingContract } from './broker-settling.contract.js';

export type { BrokerClient } from './broker-fixture.js';

/**
 * What every broker promises. `makeClient` is called for every client that a test wants; all of them
 * must meet in one store. `cutConnections`, where a broker can offer it, cuts the lines of all of them.
 */
export function brokerContract(
  name: string,
  makeClient: () => Promise<BrokerClient>,
  cutConnections?: () => Promise<void>,
): void {
  describe(`${name} as a broker`, () => {
    let current: BrokerFixture;
    const fixture = (): BrokerFixture => current;

    beforeEach(async () => {
      current = await new BrokerFixture(makeClient).open();
    });
    afterEach(() => current.closeAll());

    publishingContract(fixture);
    deliveringContract(fixture);
    settlingContract(fixture);
    repliesContract(fixture, cutConnections);
    orderingContract(fixture, cutConnections);
    if (cutConnections) cutContract(fixture, cutConnections);
  });
}
