import fc from 'fast-check';
import { DomainError } from '../domain/domain-error.js';
import { EventRoute } from './event-route.js';
import { RouteTable } from './route-table.js';
import { TopicRouter } from './postgres/topic-router.js';

const trained = new EventRoute('models/:id/trained');

describe('an event route', () => {
  it.each([
    ['models/:id/trained', 'models.*.trained'],
    ['tasks.task-succeeded.v1', 'tasks.task-succeeded.v1'],
    ['/models/:id/parts/:part/', 'models.*.parts.*'],
  ])('binds %s as %s', (route, binding) => {
    expect(new EventRoute(route).binding).toBe(binding);
  });

  it('is described by its address and the names of its parameters', () => {
    expect([trained.address, trained.parameters]).toEqual(['models.{id}.trained', ['id']]);
    const plain = new EventRoute('tasks.task-succeeded.v1');
    expect([plain.address, plain.parameters]).toEqual(['tasks.task-succeeded.v1', []]);
  });

  it.each(['', '/', 'models.*', 'models/#', 'two words'])('cannot be %p', (route) => {
    expect(() => new EventRoute(route)).toThrow('no event route');
  });

  it('is published under the values of its parameters', () => {
    expect(trained.routingKey(['17'])).toBe('models.17.trained');
    expect(trained.routingKey(['a.b/c*#d'])).toBe('models.a%2Eb%2Fc%2A%23d.trained');
  });

  it('is refused without a parameter, with half a character, and when it is too long', () => {
    expect(() => trained.values(() => undefined)).toThrow(DomainError);
    expect(() => trained.values(() => '\ud800')).toThrow('without a parameter "id"');
    expect(() => trained.routingKey(['x'.repeat(250)])).toThrow('too long');
  });

  it('gives every value back to its subscribers, and reaches no others', () => {
    const table = new RouteTable<string>('ml', /[/.]/);
    table.add('models/:id/parts/:part', 'handler');
    const route = new EventRoute('models/:id/parts/:part');
    const router = new TopicRouter();
    router.add('events', route.binding, 'ml');
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 10 });
    const value = fc.oneof(
      text.filter((some) => encodeURIComponent(some).length <= 100), // two fit into a routing key
      fc.constantFrom('.', '..', '*', '#', 'a.b', '/', '%', '%2E', ':id', ' '),
    );
    fc.assert(
      fc.property(value, value, (id, part) => {
        const key = route.routingKey([id, part]);
        expect(router.route('events', key)).toEqual(['ml']);
        expect(table.match(key)?.params).toEqual({ id, part });
      }),
    );
  });
});
