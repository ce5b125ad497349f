import { z } from 'zod';
import { pageOf, pageQuery } from '../kernel/http/pages.js';
import { uuidParam } from '../kernel/http/shapes.js';

const STATUSES = ['running', 'completed', 'cancelled'] as const;

export const batchView = z
  .object({
    id: uuidParam,
    work: z.looseObject({ kind: z.string() }).meta({ description: 'What is done, and to whom.' }),
    status: z.enum(STATUSES),
    total: z.int().meta({ description: 'Instances; exact when it is completed.' }),
    done: z.int().meta({ description: 'Of these, those that are through, failed ones included.' }),
    failed: z.int(),
    last_instance_id: z
      .uuid()
      .nullable()
      .meta({ description: 'They are done in the order of their ids, up to this one.' }),
    created_by: z.string().nullable(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    ended_at: z.iso.datetime().nullable(),
  })
  .meta({
    id: 'WorkflowBatch',
    examples: [
      {
        id: '019aa3a4-5b6c-7d8e-9f00-112233445566',
        work: { kind: 'resolve-incidents', filter: { workflow: 'order' } },
        status: 'running',
        total: 1_200,
        done: 400,
        failed: 3,
        last_instance_id: '019aa3a4-5b6c-7d8e-9f00-112233445566',
        created_by: null,
        created_at: '2025-11-21T09:30:00.000Z',
        updated_at: '2025-11-21T09:30:01.000Z',
        ended_at: null,
      },
    ],
  });
export type BatchView = Omit<
  z.output<typeof batchView>,
  'work' | 'created_at' | 'updated_at' | 'ended_at'
> & {
  readonly work: { readonly kind: string };
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly ended_at: Date | null;
};
export const batchPage = pageOf(batchView);

export const listBatchesQuery = pageQuery.extend({ status: z.enum(STATUSES).optional() });
export type ListBatchesRequest = z.output<typeof listBatchesQuery>;

export const listBatchFailuresQuery = pageQuery;
export type ListBatchFailuresRequest = z.output<typeof listBatchFailuresQuery>;

const batchFailure = z
  .object({
    instance_id: uuidParam,
    problems: z.array(
      z.object({ node: z.string().nullable(), code: z.string(), message: z.string() }),
    ),
  })
  .meta({
    id: 'WorkflowBatchFailure',
    examples: [
      {
        instance_id: '019aa3a4-5b6c-7d8e-9f00-112233445566',
        problems: [{ node: 'pack', code: 'not-migratable', message: 'pack: it lies elsewhere' }],
      },
    ],
  });
export const batchFailurePage = pageOf(batchFailure);
export type BatchFailureView = z.output<typeof batchFailure>;

/** Body of the message that the program sends to itself. */
export const advanceBatch = z.object({ batch_id: uuidParam });
export type AdvanceBatchRequest = z.output<typeof advanceBatch>;
