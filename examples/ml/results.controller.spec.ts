import { MessageTester } from '../../src/kernel/messaging/testing/message-tester.js';
import { RecordResultHandler } from './commands/record-result.js';
import { ResultRepository } from './result.repository.js';
import { ResultsController } from './results.controller.js';

/** In place of the table. */
class KeptResults {
  readonly all: unknown[] = [];
  failures = 0;

  async add(kind: string, result: object): Promise<void> {
    this.failures -= 1;
    if (this.failures >= 0) throw new Error('the disk is full');
    this.all.push({ kind, result });
  }
}

describe('the scope ml-audit', () => {
  let messages: MessageTester;
  let kept: KeptResults;

  beforeEach(async () => {
    kept = new KeptResults();
    messages = await MessageTester.of({
      controllers: [ResultsController],
      providers: [RecordResultHandler, { provide: ResultRepository, useValue: kept }],
    });
  });
  afterEach(() => messages.close());

  const trained = { model_id: '17', words: 2, trained_by: 4711 };
  const handled = { 'ml-audit': { kind: 'handled', result: null } };

  it('records the results of both methods', async () => {
    const said = { one: 'any string', more: 'another string' };
    expect(await messages.emit('models/17/trained', trained)).toEqual(handled);
    expect(await messages.emit('ml.another-method-called.v1', said)).toEqual(handled);
    expect(kept.all).toEqual([
      { kind: 'trained', result: trained },
      { kind: 'another_method', result: said },
    ]);
  });

  it('tries again when the record could not be made', async () => {
    kept.failures = 2;
    expect(await messages.emit('models/17/trained', trained)).toEqual(handled);
    expect(messages.retries.map(({ delayMs }) => delayMs)).toEqual([1_000, 5_000]);
    expect(kept.all).toHaveLength(1);
  });

  it('does not record what is no result', async () => {
    expect(await messages.emit('models/17/trained', { model_id: 17 })).toEqual({
      'ml-audit': {
        kind: 'dead-letter',
        reason: expect.stringContaining('model_id') as string,
      },
    });
    expect(kept.all).toEqual([]);
  });
});
