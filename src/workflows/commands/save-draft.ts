import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import type { JsonObject } from '../definition/json.js';
import { DraftChangedMeanwhile, DraftKeyDiffers } from '../domain/workflow.errors.js';
import { DraftFindings } from '../modules/draft-findings.js';
import { WorkflowRepository } from '../workflow.repository.js';
import type { DraftView } from '../workflows.dto.js';

/** Keeps a whole draft, with its errors if it has some. Throws `DraftKeyDiffers`, `DraftChangedMeanwhile`. */
export class SaveDraft extends Command<DraftView> {
  constructor(
    readonly key: string,
    readonly draft: JsonObject,
    /** Only if the stored draft is at this revision; 0: if there is none. */
    readonly revision?: number,
  ) {
    super();
  }
}

@Handles(SaveDraft)
export class SaveDraftHandler implements Handler<SaveDraft> {
  constructor(
    private readonly clock: Clock,
    private readonly findings: DraftFindings,
    private readonly workflows: WorkflowRepository,
  ) {}

  async execute({ key, draft: given, revision }: SaveDraft): Promise<DraftView> {
    if ((given['key'] ?? key) !== key) throw new DraftKeyDiffers(key);
    const draft: JsonObject = { key, ...given };
    const findings = await this.findings.of(draft);
    const { before, latest, now } = await this.#save(key, draft, revision);
    return {
      key,
      draft,
      findings,
      revision: before + 1,
      latest_version: latest,
      updated_at: now,
    };
  }

  /** Inserted or not, the row is locked when its revision is compared. */
  async #save(
    key: string,
    draft: JsonObject,
    revision: number | undefined,
  ): Promise<{ before: number; latest: number | null; now: Date }> {
    const now = this.clock.now();
    const name = typeof draft['name'] === 'string' ? draft['name'].slice(0, 200) : key;
    const isNew = await this.workflows.insert(key, name, draft, now);
    const stored = await this.workflows.lock(key);
    if (!stored) throw new Error(`The workflow ${key} has vanished`);
    const before = isNew ? 0 : stored.revision;
    if (revision !== undefined && revision !== before) throw new DraftChangedMeanwhile(key, before);
    if (!isNew) await this.workflows.saveDraft(key, name, draft, now);
    return { before, latest: stored.latest, now };
  }
}
