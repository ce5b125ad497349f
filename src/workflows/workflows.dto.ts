import { z } from 'zod';
import { pageOf, pageQuery } from '../kernel/http/pages.js';
import type { JsonObject } from './definition/json.js';

export const workflowKey = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[a-z0-9][a-z0-9._-]*$/, 'may hold a-z, digits and . _ -')
  .meta({ examples: ['order'] });

export const versionParam = z.coerce.number().int().min(1).max(1_000_000_000);

/** A draft may be wrong or unfinished; only what is published must not be. */
export const draftBody = z
  .record(z.string(), z.json())
  .meta({ description: 'A workflow as GET /workflow-schema describes it; it may have errors.' });

export const saveDraftQuery = z.object({
  revision: z.coerce.number().int().min(0).optional().meta({
    description: 'Only if the draft is at this revision; 0: only if there is none.',
  }),
});
export type SaveDraftQuery = z.output<typeof saveDraftQuery>;

export const diagramQuery = z.object({
  heat: z
    .enum(['0', '1'])
    .default('0')
    .transform((heat) => heat === '1')
    .meta({ description: '1: with how many tokens are at each node now.' }),
});
export type DiagramQuery = z.output<typeof diagramQuery>;

const finding = z
  .object({
    code: z.string(),
    severity: z.enum(['error', 'warning']),
    node: z.string().optional(),
    flow: z.string().optional(),
    message: z.string(),
  })
  .meta({
    id: 'WorkflowFinding',
    examples: [
      {
        code: 'unreachable',
        severity: 'error',
        node: 'repair',
        message: 'No flow leads to repair: add one, or remove the node',
      },
    ],
  });

export const findings = z.object({ findings: z.array(finding) });

const jsonObject = z.record(z.string(), z.json());

export const draftView = z
  .object({
    key: z.string(),
    revision: z.int(),
    latest_version: z.int().nullable(),
    draft: jsonObject,
    findings: z.array(finding),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'WorkflowDraftState' });
export type DraftView = Omit<z.output<typeof draftView>, 'updated_at'> & {
  readonly updated_at: Date;
};

export const workflowView = z
  .object({
    key: z.string(),
    name: z.string(),
    latest_version: z.int().nullable(),
    revision: z.int(),
    paused: z.boolean(),
    paused_nodes: z.array(z.string()),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'Workflow' });
export type WorkflowView = Omit<z.output<typeof workflowView>, 'created_at' | 'updated_at'> & {
  readonly created_at: Date;
  readonly updated_at: Date;
};
export const workflowPage = pageOf(workflowView);
export const listWorkflowsQuery = pageQuery;
export type ListWorkflowsRequest = z.output<typeof listWorkflowsQuery>;

export const versionView = z
  .object({
    key: z.string(),
    version: z.int(),
    published_at: z.iso.datetime(),
    published_by: z.string().nullable(),
  })
  .meta({ id: 'WorkflowVersion' });
export type VersionView = Omit<z.output<typeof versionView>, 'published_at'> & {
  readonly published_at: Date;
};

export const versionList = z.object({ items: z.array(versionView) });

export const publishedVersion = versionView
  .extend({ definition: jsonObject })
  .meta({ id: 'PublishedWorkflow' });
export type PublishedVersion = VersionView & { readonly definition: JsonObject };

export const publication = versionView
  .extend({ findings: z.array(finding) })
  .meta({ id: 'WorkflowPublication' });
export type Publication = VersionView & { readonly findings: DraftView['findings'] };

const trigger = z
  .object({
    node: z.string(),
    version: z.int(),
    kind: z.enum(['message', 'timer', 'criterion']),
    name: z.string().nullable().meta({ description: 'Of the message, or of the signal.' }),
    key: z.string().nullable().meta({ description: 'Null: any.' }),
    next_at: z.iso.datetime().nullable().meta({ description: 'Of a timer, while one is left.' }),
    last_error: z
      .object({ message: z.string(), at: z.iso.datetime({ offset: true }) })
      .nullable()
      .meta({
        description: 'Why, last time, a criterion could not be judged or nothing be started.',
      }),
  })
  .meta({
    id: 'WorkflowTrigger',
    examples: [
      {
        node: 'daily',
        version: 1,
        kind: 'timer',
        name: null,
        key: null,
        next_at: '2025-11-22T08:00:00.000Z',
        last_error: null,
      },
    ],
  });
export const triggerList = z.object({ items: z.array(trigger) });
export type TriggerView = Omit<z.output<typeof trigger>, 'next_at'> & {
  readonly next_at: Date | null;
};

export const configChange = z
  .record(z.string(), z.json())
  .refine((change) => Object.keys(change).length > 0, { error: 'must change something' })
  .meta({
    id: 'ChangeWorkflowConfig',
    description: 'Values by name; null goes back to the default.',
    examples: [{ mail_to: 'repair@example.com' }],
  });

export const configView = z
  .object({
    revision: z.int(),
    values: jsonObject.meta({ description: 'What has been set.' }),
    effective: jsonObject.meta({ description: 'With the defaults of the latest version.' }),
  })
  .meta({ id: 'WorkflowConfig' });
export interface ConfigView {
  readonly revision: number;
  readonly values: JsonObject;
  readonly effective: JsonObject;
}

const schema = z.looseObject({}).meta({ description: 'A JSON Schema' });

export const moduleList = z.object({
  items: z.array(
    z
      .object({
        name: z.string(),
        description: z.string(),
        config_schema: schema,
        outcomes: z.array(z.string()).meta({ description: 'Empty: whatever the node declares.' }),
      })
      .meta({ id: 'WorkflowModule' }),
  ),
});
export type ModuleView = z.output<typeof moduleList>['items'][number];
