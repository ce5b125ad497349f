import { z } from 'zod';
import { pageOf, pageQuery } from '../kernel/http/pages.js';
import { uuidParam } from '../kernel/http/shapes.js';
import type { JsonObject } from './definition/json.js';

export const workflowPauseView = z
  .object({
    key: z.string(),
    paused: z.boolean(),
    paused_nodes: z.array(z.string()),
    batch_id: uuidParam
      .nullable()
      .meta({ description: 'Of a resume: what lets the instances go on that were held.' }),
  })
  .meta({
    id: 'WorkflowPause',
    examples: [{ key: 'order', paused: true, paused_nodes: [], batch_id: null }],
  });
export type WorkflowPauseView = z.output<typeof workflowPauseView>;

const audited = z
  .object({
    id: uuidParam,
    at: z.iso.datetime(),
    by: z.string().nullable().meta({ description: 'Null where nobody had to log in.' }),
    action: z.enum(['published', 'config-changed', 'paused', 'resumed', 'migrated']),
    details: z.record(z.string(), z.json()),
  })
  .meta({
    id: 'WorkflowAudit',
    examples: [
      {
        id: '019aa3a4-5b6c-7d8e-9f00-112233445566',
        at: '2025-11-21T09:30:00.000Z',
        by: 'ann',
        action: 'config-changed',
        details: { mail_to: { before: null, after: 'repair@example.com' } },
      },
    ],
  });
export const auditPage = pageOf(audited);
export type AuditView = Omit<z.output<typeof audited>, 'at' | 'details'> & {
  readonly at: Date;
  readonly details: JsonObject;
};
export const auditQuery = pageQuery;
export type AuditRequest = z.output<typeof auditQuery>;
