import type { z } from 'zod';
import { heartbeat, snapshotRequest } from './feed.dto.js';
import {
  changeEvent,
  createEvent,
  lineEvent,
  resettleBody,
  resultBody,
  versionBody,
} from './line-events.dto.js';

const schemas: Record<string, z.ZodType> = {
  createEvent,
  changeEvent,
  versionBody,
  resultBody,
  resettleBody,
  snapshotRequest,
  lineEvent,
  heartbeat,
};

it.each(Object.entries(schemas))('the documented examples of %s are accepted', (_name, schema) => {
  const { examples } = schema.meta() as { examples: unknown[] };
  expect(examples.length).toBeGreaterThan(0);
  for (const example of examples) {
    expect(schema.safeParse(example)).toMatchObject({ success: true });
  }
});

describe('a new event', () => {
  const event = { event_id: 'e-17', ratio: '1.85', deadline: '2099-11-21T18:00:00Z' };
  const pathsOf = (body: unknown) =>
    createEvent.safeParse(body).error?.issues.map(({ path }) => path.join('.'));

  it('is open unless it says otherwise, and may be named by a number', () => {
    expect(createEvent.parse({ ...event, event_id: 17, ratio: 1.85 })).toEqual({
      event_id: '17',
      ratio: 1_850,
      deadline: new Date('2099-11-21T18:00:00Z'),
      status: 'open',
    });
  });

  it.each([
    [4_082_724_000, '2099-05-17T18:00:00.000Z'],
    ['2099-05-17T20:00:00+02:00', '2099-05-17T18:00:00.000Z'],
  ])('takes the deadline %p', (deadline, instant) => {
    expect(createEvent.parse({ ...event, deadline }).deadline.toISOString()).toBe(instant);
  });

  it.each([
    [{ ratio: 1 }, 'ratio'],
    [{ ratio: 0.5 }, 'ratio'],
    [{ ratio: 1e-7 }, 'ratio'],
    [{ ratio: 1e21 }, 'ratio'],
    [{ ratio: NaN }, 'ratio'],
    [{ ratio: 'NaN' }, 'ratio'],
    [{ ratio: '1.2345' }, 'ratio'],
    [{ ratio: '1000000.001' }, 'ratio'],
    [{ ratio: true }, 'ratio'],
    [{ ratio: null }, 'ratio'],
    [{ deadline: 1.5 }, 'deadline'],
    [{ deadline: -1 }, 'deadline'],
    [{ deadline: 4_082_724_000_000 }, 'deadline'],
    [{ deadline: 'tomorrow' }, 'deadline'],
    [{ deadline: '2099-11-21' }, 'deadline'],
    [{ status: 'opne' }, 'status'],
    [{ status: 'FINISHED_WIN' }, 'status'],
    [{ status: 1 }, 'status'],
    [{ event_id: '' }, 'event_id'],
    [{ event_id: 'e 17' }, 'event_id'],
    [{ event_id: 'e'.repeat(65) }, 'event_id'],
    [{ event_id: 1.5 }, 'event_id'],
  ])('is refused with %j, which names the field', (more, field) => {
    expect(pathsOf({ ...event, ...more })).toEqual([field]);
  });

  it('has no other fields', () => {
    expect(createEvent.safeParse({ ...event, stauts: 'open' }).success).toBe(false);
  });
});

describe('an ending', () => {
  it.each([
    [{ outcome: 'lost', dead_heat: 0.5 }, 'dead_heat'],
    [{ outcome: 'won', void_share: 1 }, 'void_share'],
    [{ outcome: 'won', dead_heat: 0 }, 'dead_heat'],
    [{ outcome: 'won', dead_heat: 1.001 }, 'dead_heat'],
    [{ outcome: 'void', void_share: 0.5 }, 'void_share'],
    [{ outcome: 'WON' }, 'outcome'],
  ])('is refused with %j, which names the field', (body, field) => {
    const { error } = resettleBody.safeParse(body);
    expect(error?.issues.map(({ path }) => path.join('.'))).toEqual([field]);
  });
});
