import type { Instance } from './instance.js';
import { Offspring } from './offspring.js';

const instance = (depth: number): Instance => ({ depth }) as Instance;

it('ends where workflows call or follow each other a thousand times', () => {
  const offspring = new Offspring();
  expect(offspring.problem(instance(999))).toBeUndefined();
  expect(offspring.problem(instance(1_000))).toContain('1000 times');
});

it('ends after ten thousand instances of one, in whatever generation, and of no other', () => {
  const offspring = new Offspring();
  const [first, other] = [instance(0), instance(0)];
  let parents = [first];
  let count = 0;
  while (offspring.problem(first) === undefined) {
    const children = parents.flatMap((parent) =>
      [1, 2].flatMap(() => {
        if (offspring.problem(parent) !== undefined) return [];
        const child = instance(parent.depth + 1);
        offspring.add(parent, child);
        count += 1;
        return [child];
      }),
    );
    parents = children;
  }
  expect(count).toBe(10_000);
  expect(offspring.problem(other)).toBeUndefined();
});
