import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { AuditRepository } from '../audit.repository.js';
import { LinkNotFound } from '../domain/link.errors.js';
import { LinkRepository } from '../link.repository.js';

/** Ends a link; what it has started goes on. Throws `LinkNotFound`. */
export class DeleteLink extends Command<void> {
  constructor(
    readonly id: string,
    /** Null where nobody had to log in. */
    readonly by: string | null,
  ) {
    super();
  }
}

@Handles(DeleteLink)
export class DeleteLinkHandler implements Handler<DeleteLink> {
  constructor(
    private readonly audit: AuditRepository,
    private readonly links: LinkRepository,
  ) {}

  async execute({ id, by }: DeleteLink): Promise<void> {
    const deleted = await this.links.delete(id);
    if (!deleted) throw new LinkNotFound(id);
    const { from, end, to } = deleted;
    this.audit.append(from, 'unlinked', by, { end, to });
  }
}
