import { z } from 'zod';
import { parseRatio } from '../domain/money.js';

/** What others write with a decimal point, in thousandths. */
const share = z
  .string()
  .meta({ examples: ['1.000'] })
  .transform((text, context) => {
    const thousandths = parseRatio(text);
    if (thousandths !== undefined && thousandths <= 1_000) return thousandths;
    context.addIssue({ code: 'custom', message: 'must be 0.000 to 1.000' });
    return z.NEVER;
  });

const ratio = z
  .string()
  .meta({ examples: ['1.850'] })
  .transform((text, context) => {
    const thousandths = parseRatio(text);
    if (thousandths !== undefined && thousandths > 1_000) return thousandths;
    context.addIssue({ code: 'custom', message: 'must be a decimal above 1' });
    return z.NEVER;
  });

const instant = z.iso.datetime({ offset: true });
const feedVersion = z
  .string()
  .regex(/^\d{1,18}$/, 'must be a whole number as text')
  .meta({ examples: ['123'] });

export const lineEvent = z
  .object({
    event_id: z
      .string()
      .min(1)
      .max(64)
      .meta({ examples: ['e-17'] }),
    version: z.int32().min(1),
    ratio,
    deadline: instant,
    status: z.enum(['open', 'suspended', 'closed', 'resulted', 'voided']),
    result: z
      .object({
        settlement: z.int32().min(1),
        outcome: z.enum(['won', 'lost', 'void']),
        void_share: share.default(0),
        dead_heat: share.default(1_000),
      })
      .nullable(),
    feed_version: feedVersion,
    changed_at: instant,
  })
  .meta({
    id: 'HeardLineEvent',
    examples: [
      {
        event_id: 'e-17',
        version: 3,
        ratio: '1.850',
        deadline: '2025-11-21T18:00:00.000Z',
        status: 'open',
        result: null,
        feed_version: '123',
        changed_at: '2025-11-21T09:30:00.000Z',
      },
    ],
  });
export type LineEvent = z.output<typeof lineEvent>;

export const heartbeat = z
  .object({ at: instant, feed_version: feedVersion, incarnation: z.uuid() })
  .meta({ id: 'HeardLineHeartbeat' });
export type Heartbeat = z.output<typeof heartbeat>;

export const lineSnapshot = z.object({
  items: z.array(lineEvent),
  next_cursor: z.string().nullable(),
  feed_version: feedVersion,
  incarnation: z.uuid(),
});
export type LineSnapshot = z.output<typeof lineSnapshot>;
