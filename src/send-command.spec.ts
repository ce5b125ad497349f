import { readSendCommand, UsageError } from './send-command.js';

describe('the arguments of the sender', () => {
  it('name a queue, a route and a JSON body', () => {
    expect(readSendCommand(['tasks/create', '{"payload":"x"}', '--id', 'mine'])).toEqual({
      queue: 'tasks',
      headers: { route: 'create' },
      contentType: 'application/json',
      payload: '{"payload":"x"}',
      id: 'mine',
      reply: false,
    });
  });

  it('may name the route and its parameters in headers', () => {
    const args = ['ml', '--header', 'route=another_method', '--header', 'one=a = b'];
    expect(readSendCommand(args)).toMatchObject({
      queue: 'ml',
      headers: { route: 'another_method', one: 'a = b' },
      payload: '',
    });
  });

  it('may give a body that is text', () => {
    expect(readSendCommand(['ml/models/17/train', '--text', 'a "text"'])).toMatchObject({
      headers: { route: 'models/17/train' },
      contentType: 'text/plain',
      payload: 'a "text"',
    });
  });

  it('may only ask for help', () => {
    expect(readSendCommand(['--help'])).toBeUndefined();
  });

  it.each([
    [[], 'Which queue?'],
    [['ml'], 'Which route?'],
    [['/create'], 'Which queue?'],
    [['ml/x', 'not json'], 'not JSON'],
    [['ml/x', '{}', 'more'], 'What is "more"?'],
    [['ml/x', '{}', '--text', 'x'], 'one body'],
    [['ml/x', '--header', 'one'], 'not name=value'],
    [['ml/x', '--header', 'route=y'], 'two headers "route"'],
    [['ml/x', '--colour', 'red'], '--colour'],
  ])('%j are refused: %s', (args, why) => {
    expect(() => readSendCommand(args)).toThrow(UsageError);
    expect(() => readSendCommand(args)).toThrow(why);
  });
});
