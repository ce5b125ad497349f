import { HttpCode, SetMetadata } from '@nestjs/common';
import { Idempotent } from './idempotent.decorator.js';

class Orders {
  prefix = 'order';

  @SetMetadata('above', 1)
  @Idempotent()
  @SetMetadata('below', 2)
  @HttpCode(202)
  place(name: string): string {
    return `${this.prefix} ${name}`;
  }
}

it('runs the method as it is when there is no request with a key, as for a message', () => {
  expect(new Orders().place('a')).toBe('order a');
});

it('keeps the name and the metadata of the method, whatever the order of the decorators', () => {
  const method = Object.getOwnPropertyDescriptor(Orders.prototype, 'place')?.value as object;
  expect(method).toHaveProperty('name', 'place');
  expect(
    ['above', 'below', '__httpCode__'].map((key) => Reflect.getMetadata(key, method) as unknown),
  ).toEqual([1, 2, 202]);
});
