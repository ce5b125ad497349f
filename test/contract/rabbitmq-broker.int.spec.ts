import { connect } from 'amqplib';
import { RabbitMqBroker } from '../../src/kernel/messaging/rabbitmq/rabbitmq-broker.js';
import { testVhost, type Lease } from '../support/services.js';
import { brokerContract, type BrokerClient } from './broker.contract.js';
import { tcpProxy, type TcpProxy } from './tcp-proxy.js';

const silent = { log: () => undefined, warn: () => undefined, error: () => undefined };

describe('RabbitMqBroker', () => {
  let vhost: Lease;
  let proxy: TcpProxy;
  let url: string;

  beforeAll(async () => {
    vhost = await testVhost();
    const server = new URL(vhost.url);
    proxy = await tcpProxy({ host: server.hostname, port: Number(server.port || 5672) });
    server.port = String(proxy.port);
    url = server.href;
  });
  afterAll(async () => {
    await proxy.close();
    await vhost.release();
  });

  const makeClient = async (): Promise<BrokerClient> => {
    const broker = new RabbitMqBroker({ url, logger: silent });
    await broker.start();
    return { broker, close: () => broker.close() };
  };
  const cut = async (): Promise<void> => {
    proxy.cut();
    await Promise.resolve();
  };

  brokerContract('RabbitMQ', makeClient, cut);
});
