import { MessageTester } from '../../src/kernel/messaging/testing/message-tester.js';
import { TrainModelHandler } from './commands/train-model.js';
import { ModelsController } from './models.controller.js';

describe('the scope ml', () => {
  let messages: MessageTester;

  beforeEach(async () => {
    messages = await MessageTester.of({
      controllers: [ModelsController],
      providers: [TrainModelHandler],
    });
  });
  afterEach(() => messages.close());

  const trained = { model_id: '17', words: 2, trained_by: process.pid };

  it('trains the model of the route and publishes what came of it', async () => {
    const end = await messages.send('ml/models/17/train', 'training text');
    expect(end).toEqual({ kind: 'handled', result: trained });
    expect(messages.published).toEqual([{ type: 'models.17.trained', data: trained }]);
  });

  it('trains the model of the header model_id', async () => {
    const headers = { route: 'train_model', model_id: '17' };
    const end = await messages.send('ml', 'training text', { headers });
    expect(end).toEqual({ kind: 'handled', result: trained });
    expect(messages.published).toEqual([{ type: 'models.17.trained', data: trained }]);
  });

  it('trains over HTTP, with the same result on the topic', async () => {
    const answer = await messages.request({
      method: 'POST',
      url: '/models/17/train',
      headers: { 'content-type': 'application/json' },
      payload: '"training text"',
    });
    expect([answer.statusCode, answer.json()]).toEqual([201, trained]);
    expect(messages.published).toEqual([{ type: 'models.17.trained', data: trained }]);
  });

  it('calls another method with what two headers say', async () => {
    const said = { one: 'any string', more: 'another string' };
    const headers = { route: 'another_method', ...said };
    const end = await messages.send('ml', undefined, { headers });
    expect(end).toEqual({ kind: 'handled', result: said });
    expect(messages.published).toEqual([{ type: 'ml.another-method-called.v1', data: said }]);
  });

  it.each([
    ['a text that is empty', { route: 'models/17/train' }, ' ', 'body: '],
    ['a model without an id', { route: 'train_model' }, 'text', 'a parameter "model_id"'],
    ['a model that cannot be', { route: 'models/%2E/train' }, 'text', 'params.model_id: must be'],
    ['a header that is missing', { route: 'another_method', one: 'x' }, '', 'params.more: '],
  ])('refuses %s and names it', async (_, headers, body, reason) => {
    const end = await messages.send('ml', body, { headers });
    expect(end).toEqual({ kind: 'dead-letter', reason: expect.stringContaining(reason) as string });
    expect(messages.published).toEqual([]);
  });

  it('trains once when a message comes twice', async () => {
    const send = () => messages.send('ml/models/17/train', 'training text', { id: 'the same' });
    expect([(await send()).kind, (await send()).kind]).toEqual(['handled', 'duplicate']);
    expect(messages.published).toHaveLength(1);
  });
});
