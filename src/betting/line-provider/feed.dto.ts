import { z } from 'zod';
import { eventIdParam, lineEvent, type LineEventView } from './line-events.dto.js';

const MAX_ITEMS = 1_000;

export const snapshotRequest = z
  .object({
    event_ids: z
      .array(eventIdParam)
      .max(MAX_ITEMS)
      .optional()
      .meta({ description: 'Default: all events. Those that do not exist are left out.' }),
    cursor: z.string().max(1_024).optional().meta({
      description: 'next_cursor of the page before; opaque',
    }),
    limit: z.int().min(1).max(MAX_ITEMS).default(500),
  })
  .meta({
    id: 'LineSnapshotRequest',
    examples: [{ event_ids: ['e-17', 'e-18'] }, { limit: 1_000 }],
  });
export type SnapshotRequest = z.output<typeof snapshotRequest>;

const feedState = {
  feed_version: lineEvent.shape.feed_version.meta({
    description: 'The number of the last change of any event.',
    examples: ['123'],
  }),
  incarnation: z.uuid().meta({
    description: 'Another one than before: what was known of the feed is void.',
    examples: ['5f0c1f4e-8d39-4c5b-9a35-0d7e2f3b8c11'],
  }),
};

export const snapshot = z
  .object({ items: z.array(lineEvent), next_cursor: z.string().nullable(), ...feedState })
  .meta({ id: 'LineSnapshot' });

export interface SnapshotView {
  readonly items: readonly LineEventView[];
  readonly next_cursor: string | null;
  readonly feed_version: string;
  readonly incarnation: string;
}

export const heartbeat = z.object({ at: z.iso.datetime(), ...feedState }).meta({
  id: 'LineHeartbeat',
  examples: [
    {
      at: '2026-11-21T17:59:50.000Z',
      feed_version: '123',
      incarnation: '5f0c1f4e-8d39-4c5b-9a35-0d7e2f3b8c11',
    },
  ],
});
