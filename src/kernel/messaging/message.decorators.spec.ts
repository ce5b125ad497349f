import { z } from 'zod';
import {
  doorsOf,
  MessageScope,
  OnEvent,
  OnMessage,
  PublishResult,
  resultSchemaOf,
  resultTypeOf,
  scopeOf,
} from './message.decorators.js';

const body = z.object({ epochs: z.int() });
const trained = z.object({ model: z.string() });

@MessageScope('ml', { ordered: true })
class Models {
  @OnMessage('models/:id/train')
  @OnMessage('train_model', { idempotent: true })
  @PublishResult('models/:id/trained', { schema: trained })
  train(): void {}

  @OnEvent('models/:id/measured', { batch: 50, body })
  measure(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}

describe('the decorators of a message controller', () => {
  it('tell its scope, and nothing of a class without one', () => {
    expect(scopeOf(Models)).toEqual({ name: 'ml', ordered: true });
    expect(scopeOf(class {})).toBeUndefined();
  });

  it('tell every door of a method, with the body of a batch', () => {
    expect(doorsOf(Models.prototype, 'train')).toEqual([
      { kind: 'command', pattern: 'train_model', idempotent: true },
      { kind: 'command', pattern: 'models/:id/train' },
    ]);
    expect(doorsOf(Models.prototype, 'measure')).toEqual([
      { kind: 'event', pattern: 'models/:id/measured', batch: 50, body },
    ]);
  });

  it('tell what a method publishes', () => {
    expect(resultTypeOf(Models.prototype, 'train')).toBe('models/:id/trained');
    expect(resultSchemaOf(Models.prototype, 'train')).toBe(trained);
    expect(resultTypeOf(Models.prototype, 'measure')).toBeUndefined();
  });

  it('refuse a result whose route would be a pattern', () => {
    expect(() => PublishResult('models/*/trained')).toThrow('no event route');
  });
});
