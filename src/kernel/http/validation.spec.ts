import type { ArgumentMetadata } from '@nestjs/common';
import { z } from 'zod';
import type { DomainError } from '../domain/domain-error.js';
import { oneOrMany } from './shapes.js';
import { SchemaPipe } from './validation.js';

const pipe = new SchemaPipe();

/** The fields that are named when the value breaks the schema, with kind and code of the error. */
async function refusal(
  schema: z.ZodType,
  value: unknown,
  metadata: Partial<ArgumentMetadata> = {},
) {
  try {
    await pipe.transform(value, { type: 'body', schema, ...metadata });
  } catch (error) {
    const { kind, code, details } = error as DomainError;
    return { kind, code, fields: details.errors?.map(({ field }) => field) };
  }
  throw new Error('The value was accepted');
}

const item = z.strictObject({
  name: z.string(),
  tags: z.array(z.object({ key: z.string() })).default([]),
  target: z.union([z.object({ url: z.url() }), z.array(z.string()), z.number()]).optional(),
});

describe('validation', () => {
  it('hands on what the schema makes of the value', async () => {
    const parsed = await pipe.transform({ name: 'a' }, { type: 'body', schema: item });
    expect(parsed).toEqual({ name: 'a', tags: [] });
  });

  it.each([
    [{ tags: [{ key: 'a' }, {}] }, ['name', 'tags[1].key']],
    [{ name: 'a', nmae: 'b', x: 1 }, ['nmae', 'x']],
    [[{ name: 'a' }, { name: 1 }], ['[1].name']],
    [[{ name: 'a', x: 1 }], ['[0].x']],
    [{ name: 'a', target: { url: 'no' } }, ['target.url']],
    [{ name: 'a', target: ['a', 7] }, ['target[1]']],
    [{ name: 'a', target: true }, ['target']],
    [[], ['body']],
    [7, ['body']],
    [[7], ['[0]']],
  ])('names the fields of %j as the client wrote them', async (value, fields) => {
    expect(await refusal(oneOrMany(item), value)).toEqual({
      kind: 'invalid',
      code: 'invalid-body',
      fields,
    });
  });

  it('tells a body that is missing from one that is wrong', async () => {
    expect(await refusal(item, undefined)).toMatchObject({
      kind: 'malformed',
      code: 'missing-body',
    });
  });

  it('names where a parameter stands', async () => {
    const query = z.object({ limit: z.coerce.number() });
    expect(await refusal(query, { limit: 'x' }, { type: 'query' })).toEqual({
      kind: 'malformed',
      code: 'invalid-query',
      fields: ['query.limit'],
    });
    expect(await refusal(z.uuid(), 'x', { type: 'param', data: 'task_id' })).toEqual({
      kind: 'malformed',
      code: 'invalid-path',
      fields: ['params.task_id'],
    });
    expect(await refusal(z.string(), 7, { type: 'body', data: 'name' })).toMatchObject({
      fields: ['name'],
    });
  });

  it('names at most a hundred fields', async () => {
    const { fields } = await refusal(oneOrMany(item), Array(1_000).fill({ name: 7 }));
    expect(fields).toHaveLength(100);
  });

  it('leaves alone what has no schema', async () => {
    const value = { any: 'thing' };
    expect(await pipe.transform(value, { type: 'body' })).toBe(value);
  });
});
