import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { fieldAt } from '../kernel/domain/domain-error.js';
import { ENV, type Env } from '../kernel/env.js';
import { fieldErrors, ValidationError } from '../kernel/http/validation.js';
import { Database } from '../kernel/persistence/database.js';
import { compileWorkflow } from './definition/compile.js';
import type { CompiledCriterion, CompiledWorkflow } from './definition/compiled.js';
import { workflowDraft, type WorkflowDraft } from './definition/draft.js';
import type { Expression } from './definition/expression.js';
import type { JsonObject } from './definition/json.js';
import { compileTemplate } from './definition/template.js';
import { compileCriterion } from './definition/work.js';
import { decide } from './engine/decide.js';
import type { Pause } from './engine/run.js';
import { newInstance } from './engine/state.js';

/** Names a version, and the state of its config, its pause and its links that the caller has read. */
export interface DefinitionRef {
  readonly key: string;
  readonly version: number;
  readonly configRevision: number;
}

/** A version with the config of its workflow, ready to decide by. */
export interface Runnable {
  readonly definition: Definition;
  readonly config: JsonObject;
  readonly pause: Pause;
  readonly links: readonly CompiledLink[];
}

/** What is started when an instance completes. */
export interface CompiledLink {
  readonly id: string;
  /** Only in this outcome; null: in any. */
  readonly end: string | null;
  readonly to: string;
  readonly map: Expression;
}

interface LoadedLink extends Omit<CompiledLink, 'map'> {
  readonly map: JsonObject;
}

interface Entry extends Runnable {
  readonly configRevision: number;
}

interface LoadedRow {
  readonly key: string;
  readonly version: number;
  readonly definition: unknown;
  readonly config: JsonObject;
  readonly config_revision: number;
  readonly paused: boolean;
  readonly paused_nodes: readonly string[];
  readonly links: readonly LoadedLink[];
}

interface WorkflowRow {
  readonly key: string;
  readonly latest: number;
  readonly config_revision: number;
  readonly is_held: boolean;
}

/** A published version, compiled. It never changes. */
export class Definition {
  readonly compiled: CompiledWorkflow;
  readonly defaults: JsonObject;
  /** Variables to search instances by. */
  readonly indexes: readonly string[];
  readonly #inputs: z.ZodType | undefined;
  readonly #startProblems = new Map<string | undefined, string | undefined>();
  readonly #startCriteria = new Map<string, CompiledCriterion>();
  readonly #config: NonNullable<WorkflowDraft['config']>;

  constructor(
    readonly key: string,
    readonly version: number,
    draft: WorkflowDraft,
  ) {
    this.compiled = compileWorkflow(draft);
    this.indexes = draft.indexes ?? [];
    this.#config = draft.config ?? {};
    this.#inputs = draft.inputs && schemaOf(draft.inputs);
    this.defaults = Object.fromEntries(
      Object.entries(this.#config).flatMap(([name, { default: value }]) =>
        value === undefined ? [] : [[name, value]],
      ),
    );
  }

  /** Throws `ValidationError` for variables that the workflow's `inputs` do not take. */
  checkInputs(variables: JsonObject, place: string): void {
    const checked = this.#inputs?.safeParse(variables);
    if (!checked || checked.success) return;
    const field = fieldAt(place, 'variables');
    throw new ValidationError('body', fieldErrors(checked.error.issues, field, variables));
  }

  /** Why it cannot be started at this node, or at the one that needs no trigger; or undefined. */
  startProblem(node?: string): string | undefined {
    if (node !== undefined && !this.compiled.nodes.has(node)) return `it has no node ${node}`;
    if (!this.#startProblems.has(node)) this.#startProblems.set(node, this.#tryStart(node));
    return this.#startProblems.get(node);
  }

  /** The outcomes that an instance can complete with. */
  get ends(): string[] {
    const outcomes = this.compiled.draft.nodes.flatMap((node) =>
      node.type === 'end' && node.in === undefined ? (node.outcome ?? 'done') : [],
    );
    return [...new Set(['done', ...outcomes])];
  }

  /** What starts instances at a node. */
  startCriterion(node: string): CompiledCriterion | undefined {
    const draft = this.compiled.nodes.get(node)?.draft;
    if (draft?.type !== 'start' || !draft.criterion) return undefined;
    const known = this.#startCriteria.get(node) ?? compileCriterion(draft.criterion);
    this.#startCriteria.set(node, known);
    return known;
  }

  /** Without a step: only whether there is a place to start at. */
  #tryStart(node: string | undefined): string | undefined {
    const command = { type: 'start', ...(node !== undefined && { node }) } as const;
    const context = { now: new Date(0), config: this.defaults, budget: 0 };
    const decision = decide(this.compiled, newInstance(), command, context);
    return 'rejection' in decision ? decision.rejection.message : undefined;
  }

  /** Why a value cannot be set, or undefined. */
  configProblem(name: string, value: unknown): string | undefined {
    const declared = this.#config[name];
    if (!declared) return `is no setting; there are: ${Object.keys(this.#config).join(', ')}`;
    if (!declared.schema) return undefined;
    return schemaOf(declared.schema).safeParse(value).error?.issues[0]?.message;
  }
}

/** JSON Schema as a check. */
export const schemaOf = (schema: object): z.ZodType =>
  z.fromJSONSchema(schema as z.core.JSONSchema.JSONSchema);

/** What one batch decides by; it holds on to it even if the cache lets go. */
export class Runnables {
  readonly #found = new Map<string, Runnable>();

  get(key: string, version: number): Runnable | undefined {
    return this.#found.get(nameOf(key, version));
  }

  add(name: string, runnable: Runnable): void {
    this.#found.set(name, runnable);
  }
}

function partsOf(name: string): { key: string; version: number | undefined } {
  const [key = '', version] = name.split('@');
  return { key, version: version === undefined ? undefined : Number(version) };
}

const nameOf = (key: string, version: number): string => `${key}@${String(version)}`;

/**
 * Published versions, compiled when they are first needed; the most recently used `WORKFLOWS_CACHED_DEFINITIONS` are
 * kept. A version never changes, so only the config can be out of date: whoever asks says which revision he has seen.
 */
@Injectable()
export class DefinitionRepository {
  readonly #cache = new Map<string, Entry>();

  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly database: Database,
  ) {}

  /** One statement for all that is not cached; versions that do not exist are left out. */
  async load(refs: readonly DefinitionRef[]): Promise<Runnables> {
    const runnables = new Runnables();
    const missing = new Map<string, DefinitionRef>();
    for (const ref of refs) {
      const name = nameOf(ref.key, ref.version);
      const entry = this.#cache.get(name);
      if (entry && entry.configRevision >= ref.configRevision) {
        this.#keep(name, entry);
        runnables.add(name, entry);
      } else missing.set(name, ref);
    }
    if (missing.size > 0) {
      for (const row of await this.#read([...missing.values()])) {
        const name = nameOf(row.key, row.version);
        const entry = this.#entryOf(name, row);
        this.#keep(name, entry);
        runnables.add(name, { ...entry });
      }
    }
    return runnables;
  }

  /** What `key` (the latest version) and `key@version` mean now; names of nothing published are left out. */
  async resolve(
    names: readonly string[],
  ): Promise<{ versions: Map<string, DefinitionRef>; runnables: Runnables }> {
    const keys = new Set(names.map((name) => partsOf(name).key));
    let rows = await this.#latest([...keys]);
    // Whoever starts what is held must not be overlooked by the resume that comes next: it waits for him.
    if (rows.some((row) => row.is_held)) rows = await this.#latest([...keys], 'for share');
    const workflows = new Map(rows.map((row) => [row.key, row]));
    const versions = new Map<string, DefinitionRef>();
    for (const name of new Set(names)) {
      const { key, version } = partsOf(name);
      const row = workflows.get(key);
      if (!row) continue;
      const ref = { key, version: version ?? row.latest, configRevision: row.config_revision };
      if (ref.version <= row.latest) versions.set(name, ref);
    }
    return { versions, runnables: await this.load([...versions.values()]) };
  }

  #latest(keys: readonly string[], lock: '' | 'for share' = ''): Promise<WorkflowRow[]> {
    return this.database.query<WorkflowRow>(
      `select key, latest, config_revision, paused or paused_nodes <> '{}' as is_held
       from workflows.workflow where key = any($1) and latest is not null order by key ${lock}`,
      [keys],
    );
  }

  #read(refs: readonly DefinitionRef[]): Promise<LoadedRow[]> {
    return this.database.query<LoadedRow>(
      `select v.key, v.version, v.definition, w.config, w.config_revision, w.paused, w.paused_nodes, array(
         select json_build_object('id', id, 'end', from_end, 'to', to_key, 'map', map)
         from workflows.link where from_key = v.key order by id) as links
       from unnest($1::text[], $2::int[]) as wanted (key, version)
       join workflows.workflow_version v using (key, version)
       join workflows.workflow w using (key)`,
      [refs.map(({ key }) => key), refs.map(({ version }) => version)],
    );
  }

  #entryOf(name: string, row: LoadedRow): Entry {
    const known = this.#cache.get(name)?.definition;
    const definition =
      known ?? new Definition(row.key, row.version, workflowDraft.parse(row.definition));
    const config = { ...definition.defaults, ...row.config };
    const pause = { everywhere: row.paused, nodes: row.paused_nodes };
    const links = row.links.map(({ map, ...link }) => ({ ...link, map: compileTemplate(map) }));
    return { definition, config, pause, links, configRevision: row.config_revision };
  }

  /** The map's order is that of the last use. */
  #keep(name: string, entry: Entry): void {
    this.#cache.delete(name);
    this.#cache.set(name, entry);
    if (this.#cache.size <= this.env.WORKFLOWS_CACHED_DEFINITIONS) return;
    const [oldest] = this.#cache.keys();
    if (oldest !== undefined) this.#cache.delete(oldest);
  }
}
