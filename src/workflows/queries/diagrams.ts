import { Injectable } from '@nestjs/common';
import { Query } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { workflowDraft, type WorkflowDraft } from '../definition/draft.js';
import type { Counts } from '../diagram/drawing.js';
import { MOST_DRAWN, type Plan, planOf } from '../diagram/layout.js';
import { DraftNotDrawable, NothingPublished } from '../domain/draft.errors.js';
import { GetDraft } from './drafts.js';
import { GetHeat } from './heat.js';
import { GetVersion, ListVersions } from './versions.js';

/** What there is to draw: a version, or the draft of a revision. */
export interface Picture {
  readonly key: string;
  readonly name: string;
  readonly version: number | null;
  readonly draft: WorkflowDraft;
  readonly plan: Plan;
  /** Of nodes at which something is; of a draft, none. */
  readonly counts: Counts;
}

export type PictureOf = 'draft' | 'latest' | number;

/** Throws `WorkflowNotFound`, `WorkflowVersionNotFound`, `NothingPublished`, `DraftNotDrawable`. */
export class GetPicture extends Query<Picture> {
  constructor(
    readonly key: string,
    readonly of: PictureOf,
    readonly withCounts: boolean,
  ) {
    super();
  }
}

const MOST_PLANS = 200;

/** A version never changes, so it is laid out once; the most recently used plans are kept. */
@Injectable()
export class Plans {
  readonly #plans = new Map<string, Plan>();

  of(name: string, draft: WorkflowDraft): Plan {
    const plan = this.#plans.get(name) ?? planOf(draft);
    this.#plans.delete(name);
    this.#plans.set(name, plan);
    const [oldest] = this.#plans.keys();
    if (this.#plans.size > MOST_PLANS && oldest !== undefined) this.#plans.delete(oldest);
    return plan;
  }
}

@Handles(GetPicture)
export class GetPictureHandler implements Handler<GetPicture> {
  constructor(
    private readonly mediator: Mediator,
    private readonly plans: Plans,
  ) {}

  async execute({ key, of, withCounts }: GetPicture): Promise<Picture> {
    const { name, version, definition } = await this.#read(key, of);
    const parsed = workflowDraft.safeParse(definition);
    if (!parsed.success) throw new DraftNotDrawable(key, 'it has errors of the schema');
    const draft = parsed.data;
    if (draft.nodes.length > MOST_DRAWN.nodes || draft.flows.length > MOST_DRAWN.flows)
      throw new DraftNotDrawable(key, `it has more than ${String(MOST_DRAWN.nodes)} nodes`);
    if (new Set(draft.nodes.map(({ id }) => id)).size < draft.nodes.length)
      throw new DraftNotDrawable(key, 'two nodes have the same id');
    const plan = this.plans.of(name, draft);
    const isCounted = withCounts && version !== null;
    const counts = isCounted ? await this.#countsOf(key, version) : new Map();
    return { key, name: draft.name ?? key, version, draft, plan, counts };
  }

  async #read(
    key: string,
    of: PictureOf,
  ): Promise<{ name: string; version: number | null; definition: unknown }> {
    if (of === 'draft') {
      const { draft: definition, revision } = await this.mediator.ask(new GetDraft(key));
      return { name: `${key}~${String(revision)}`, version: null, definition };
    }
    const number = of === 'latest' ? await this.#latest(key) : of;
    const { version, definition } = await this.mediator.ask(new GetVersion(key, number));
    return { name: `${key}@${String(version)}`, version, definition };
  }

  async #countsOf(key: string, version: number): Promise<Counts> {
    const { nodes } = await this.mediator.ask(new GetHeat(key, version));
    const busy = nodes.filter(({ tokens }) => tokens > 0);
    return new Map(busy.map(({ node, tokens, incidents }) => [node, { tokens, incidents }]));
  }

  async #latest(key: string): Promise<number> {
    const [latest] = await this.mediator.ask(new ListVersions(key));
    if (!latest) throw new NothingPublished(key);
    return latest.version;
  }
}
