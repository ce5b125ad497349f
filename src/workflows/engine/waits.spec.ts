import {
  begin,
  final,
  START,
  TestInstance,
  workflow,
} from '../../../test/support/workflow-instance.js';

describe('waits', () => {
  it('end when a condition comes to hold', () => {
    const nodes = [{ id: 'wait', type: 'wait', condition: 'paid == true' }, final('a')];
    const instance = begin(nodes, ['start>wait', 'wait>a']);
    expect(instance.waiting).toEqual(['wait']);
    instance.send({ type: 'set_variables', variables: { paid: true } });
    expect(instance.waiting).toEqual(['a']);
  });

  it('are for no address that an index does not take', () => {
    const wait = { id: 'wait', type: 'wait', message: { name: 'paid', key: '=id' }, final: true };
    const long = begin([wait], ['start>wait'], { id: 'x'.repeat(256) });
    expect(long.at('wait')[0]?.incident?.message).toContain('more than 255 characters');
    const fits = begin([wait], ['start>wait'], { id: 'x'.repeat(255) });
    expect(fits.waiting).toEqual(['wait']);
  });

  it('take messages with their key only, the one that has waited longest first', () => {
    const wait = {
      id: 'wait',
      type: 'wait',
      message: { name: 'paid', key: '=item' },
      each: { items: 'keys' },
      final: true,
    };
    const instance = begin([wait], ['start>wait'], { keys: ['x', 'y', 'y'] });
    expect(instance.try({ type: 'message', name: 'paid', key: 'z' })?.code).toBe('nobody-waits');
    instance.send({ type: 'message', name: 'paid', key: 'y', data: { sum: 1 } });
    expect(instance.at('wait').map(({ index }) => index)).toEqual([undefined, 0, 2]);
    instance.send({ type: 'message', name: 'paid', key: 'x', data: 3 });
    instance.send({ type: 'message', name: 'paid', key: 'y', data: 4 });
    expect(instance.state.variables['wait']).toEqual([3, { sum: 1 }, 4]);
  });

  it('all end by one signal', () => {
    const wait = (id: string): object => ({
      id,
      type: 'wait',
      signal: { name: 'go' },
      final: true,
    });
    const instance = begin([wait('a'), wait('b')], ['start>a', 'start>b']);
    expect(instance.send({ type: 'signal', name: 'go' }).state.status).toBe('completed');
  });

  it('end when enough criteria hold at the same time', () => {
    const watch = {
      id: 'watch',
      type: 'wait',
      criteria: [
        { signal: 'heat', key: '=machine', when: 'data.value > config.heat', ttl: 'PT10M' },
        { signal: 'noise', key: '=machine', when: 'data.value > 5' },
      ],
    };
    const instance = new TestInstance(
      workflow([START, watch, final('a')], ['start>watch', 'watch>a']),
    );
    instance.config = { heat: 80 };
    instance.start({ machine: 'M1' });
    const report = (name: string, value: number): TestInstance =>
      instance.send({ type: 'signal', name, key: 'M1', data: { value } });
    report('heat', 90);
    report('heat', 70);
    report('noise', 9);
    expect(instance.waiting).toEqual(['watch']); // the heat no longer holds
    report('heat', 90);
    expect(instance.waiting).toEqual(['a']);
    expect(instance.state.variables['watch']).toEqual({ heat: { value: 90 }, noise: { value: 9 } });
  });

  it('do not count reports that are too old', () => {
    const criteria = [
      { signal: 'heat', when: 'data > 80', ttl: 'PT10M' },
      { signal: 'noise', when: 'data > 5' },
    ];
    const instance = begin([{ id: 'watch', type: 'wait', criteria, final: true }], ['start>watch']);
    instance.send({ type: 'signal', name: 'heat', data: 90 });
    instance.now += 600_001;
    instance.send({ type: 'signal', name: 'noise', data: 9 });
    expect(instance.waiting).toEqual(['watch']);
    instance.send({ type: 'signal', name: 'heat', data: 90 });
    expect(instance.state.status).toBe('completed');
  });

  it('look at criteria again when the config has changed', () => {
    const criteria = [{ signal: 'heat', when: 'data > config.limit' }];
    const instance = new TestInstance(
      workflow([START, { id: 'watch', type: 'wait', criteria, final: true }], ['start>watch']),
    );
    instance.config = { limit: 100 };
    instance.start().send({ type: 'signal', name: 'heat', data: 90 });
    expect(instance.waiting).toEqual(['watch']);
    instance.config = { limit: 80 };
    expect(instance.send({ type: 'reconsider' }).state.status).toBe('completed');
  });
});
