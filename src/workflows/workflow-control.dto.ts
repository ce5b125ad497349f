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
    action: z.enum([
      'published',
      'config-changed',
      'paused',
      'resumed',
      'migrated',
      'linked',
      'unlinked',
    ]),
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

export const heatQuery = z.object({
  version: z.coerce.number().int().min(1).max(1_000_000_000).optional().meta({
    description: 'Of one version; default: of all.',
  }),
});
export type HeatRequest = z.output<typeof heatQuery>;

const nodeHeat = z.object({
  node: z.string(),
  tokens: z.int().meta({ description: 'There now, those with an incident included.' }),
  incidents: z.int(),
  completed: z.int().meta({ description: 'Times that it was done.' }),
});
export type NodeHeat = z.output<typeof nodeHeat>;

export const heatView = z
  .object({
    key: z.string(),
    version: z.int().nullable(),
    running: z.int().meta({ description: 'Instances.' }),
    ended: z.int().meta({ description: 'Instances, those included that are deleted by now.' }),
    incidents: z.int(),
    steps: z.int().meta({ description: 'Times that nodes were done, in all.' }),
    nodes: z.array(nodeHeat),
  })
  .meta({
    id: 'WorkflowHeat',
    examples: [
      {
        key: 'order',
        version: null,
        running: 3,
        ended: 17,
        incidents: 1,
        steps: 54,
        nodes: [{ node: 'pack', tokens: 3, incidents: 1, completed: 17 }],
      },
    ],
  });
export type HeatView = z.output<typeof heatView>;
