import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { type FieldError, placeIn } from '../../kernel/domain/domain-error.js';
import { Ids } from '../../kernel/ids.js';
import { AuditRepository } from '../audit.repository.js';
import { expressionProblem } from '../definition/expression.js';
import { expressionsIn } from '../definition/template.js';
import { type Definition, DefinitionRepository } from '../definition.repository.js';
import { LinkExists, LinkImpossible } from '../domain/link.errors.js';
import { LinkRepository, type NewLink } from '../link.repository.js';
import type { CreateLinkRequest, LinkView } from '../workflow-links.dto.js';

/**
 * Joins workflows, all or none: whenever an instance of one completes in an end, one of the other is started. Throws
 * `LinkImpossible`, `LinkExists`.
 */
export class LinkWorkflows extends Command<LinkView[]> {
  constructor(
    readonly requests: readonly CreateLinkRequest[],
    /** Null where nobody had to log in. */
    readonly by: string | null,
  ) {
    super();
  }
}

@Handles(LinkWorkflows)
export class LinkWorkflowsHandler implements Handler<LinkWorkflows> {
  constructor(
    private readonly audit: AuditRepository,
    private readonly clock: Clock,
    private readonly ids: Ids,
    private readonly definitions: DefinitionRepository,
    private readonly links: LinkRepository,
  ) {}

  async execute({ requests, by }: LinkWorkflows): Promise<LinkView[]> {
    const keys = new Set(requests.flatMap(({ from, to }) => [from.workflow, to]));
    const known = await this.links.lockWorkflows([...keys]);
    const { versions, runnables } = await this.definitions.resolve([...keys]);
    const views: LinkView[] = [];
    for (const [index, request] of requests.entries()) {
      const ref = versions.get(request.from.workflow);
      const source = ref && runnables.get(ref.key, ref.version)?.definition;
      const errors = problemsOf(request, known, source);
      if (errors.length > 0) throw new LinkImpossible(errors, placeIn(requests, index));
      const view = await this.#insert(request);
      this.audit.append(view.from.workflow, 'linked', by, { end: view.from.end, to: view.to });
      views.push(view);
    }
    return views;
  }

  async #insert({ from, to, map }: CreateLinkRequest): Promise<LinkView> {
    const link: NewLink = {
      id: this.ids.next(),
      from: from.workflow,
      end: from.end ?? null,
      to,
      map,
      createdAt: this.clock.now(),
    };
    if (!(await this.links.insert(link))) throw new LinkExists(from.workflow, to);
    return {
      id: link.id,
      from: { workflow: link.from, end: link.end },
      to,
      map,
      created_at: link.createdAt,
      last_error: null,
    };
  }
}

function problemsOf(
  { from, to, map }: CreateLinkRequest,
  known: ReadonlyMap<string, unknown>,
  source: Definition | undefined,
): FieldError[] {
  const errors: FieldError[] = [];
  const message = 'names no workflow';
  if (!known.has(from.workflow)) errors.push({ field: 'from.workflow', message });
  if (!known.has(to)) errors.push({ field: 'to', message });
  const ends = source?.ends;
  if (ends && from.end !== undefined && !ends.includes(from.end))
    errors.push({ field: 'from.end', message: `must be one of: ${ends.join(', ')}` });
  for (const { path, source: expression } of expressionsIn(map)) {
    const problem = expressionProblem(expression);
    if (problem !== undefined) errors.push({ field: `map.${path}`, message: problem });
  }
  return errors;
}
