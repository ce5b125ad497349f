import fc from 'fast-check';
import { WorkLine } from './work-line.js';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A line whose items are done when the test says so. */
function heldLine(limit: number) {
  const begun: string[] = [];
  const ends = new Map<string, (again?: number) => void>();
  const line = new WorkLine<string>(limit, (item) => {
    begun.push(item);
    return new Promise((resolve) => ends.set(item, resolve));
  });
  const end = async (item: string, again?: number) => {
    ends.get(item)?.(again);
    await turn();
  };
  return { line, begun, end };
}

describe('a line of work', () => {
  it('begins no more than its limit at once, and goes on in order', async () => {
    const { line, begun, end } = heldLine(2);
    for (const item of ['a', 'b', 'c', 'd']) line.add(item);
    expect(begun).toEqual(['a', 'b']);
    await end('b');
    expect(begun).toEqual(['a', 'b', 'c']);
    expect(line.size).toBe(3);
  });

  it('does the items of one key one after the other, and other keys meanwhile', async () => {
    const { line, begun, end } = heldLine(10);
    line.add('x1', 'x');
    line.add('x2', 'x');
    line.add('y1', 'y');
    line.add('free');
    expect(begun).toEqual(['x1', 'y1', 'free']);
    await end('x1');
    expect(begun).toEqual(['x1', 'y1', 'free', 'x2']);
  });

  it('does an item again before those behind it, and gives its place to others meanwhile', async () => {
    const { line, begun, end } = heldLine(1);
    line.add('x1', 'x');
    line.add('x2', 'x');
    line.add('y1', 'y');
    await end('x1', 5);
    expect(begun).toEqual(['x1', 'y1']);
    expect(line.size).toBe(3);
    await end('y1');
    await new Promise<void>((resolve) => {
      const look = () => (begun.length === 3 ? resolve() : setImmediate(look));
      look();
    });
    expect(begun).toEqual(['x1', 'y1', 'x1']);
    await end('x1');
    expect(begun.at(-1)).toBe('x2');
  });

  it('begins nothing at a limit of zero, and goes on when that is raised', async () => {
    const { line, begun } = heldLine(0);
    line.add('a');
    line.add('x1', 'x');
    expect(begun).toEqual([]);
    expect(line.drain()).toEqual(['a']);
    line.limit = 1;
    expect(begun).toEqual(['x1']);
  });

  it('begins nothing after a stop, and is idle when what was at work has ended', async () => {
    const { line, begun, end } = heldLine(1);
    line.add('x1', 'x');
    line.add('x2', 'x');
    line.add('b');
    line.stop();
    line.add('late');
    const idle = line.idle();
    await end('x1', 1);
    await idle;
    expect([begun, line.size]).toEqual([['x1'], 0]);
  });

  it('keeps the order of every key, whatever fails and however long it takes', async () => {
    const item = fc.record({
      key: fc.constantFrom('a', 'b', undefined),
      turns: fc.nat({ max: 3 }),
      failures: fc.nat({ max: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(item, { maxLength: 20 }),
        fc.integer({ min: 1, max: 4 }),
        async (given, limit) => {
          const done: number[] = [];
          const failed = new Map<number, number>();
          let atOnce = 0;
          const line = new WorkLine<number>(limit, async (index) => {
            atOnce += 1;
            expect(atOnce).toBeLessThanOrEqual(limit);
            for (let n = 0; n < given[index]!.turns; n += 1) await turn();
            atOnce -= 1;
            const times = failed.get(index) ?? 0;
            failed.set(index, times + 1);
            if (times < given[index]!.failures) return 0;
            done.push(index);
            return undefined;
          });
          given.forEach(({ key }, index) => line.add(index, key));
          while (line.size > 0) await turn();
          expect([...done].sort((x, y) => x - y)).toEqual(given.map((_, index) => index));
          for (const key of ['a', 'b']) {
            const ofKey = done.filter((index) => given[index]!.key === key);
            expect(ofKey).toEqual([...ofKey].sort((x, y) => x - y));
          }
        },
      ),
      { numRuns: 30 },
    );
  });
});
