import { Logger } from '@nestjs/common';
import { PostgresBroker } from '../../src/kernel/messaging/postgres/postgres-broker.js';
import { type Lease, testDatabase } from '../support/services.js';
import { brokerContract } from './broker.contract.js';

let database: Lease;
beforeAll(async () => {
  database = await testDatabase({ template: 'empty' });
});
afterAll(() => database.release());

brokerContract('Postgres', async () => {
  const broker = new PostgresBroker({ databaseUrl: database.url, logger: new Logger('test') });
  await broker.start();
  return { broker, close: () => broker.close() };
});
