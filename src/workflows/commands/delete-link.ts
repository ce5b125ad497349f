import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { LinkNotFound } from '../domain/link.errors.js';
import { LinkRepository } from '../link.repository.js';

/** Ends a link; what it has started goes on. Throws `LinkNotFound`. */
export class DeleteLink extends Command<void> {
  constructor(readonly id: string) {
    super();
  }
}

@Handles(DeleteLink)
export class DeleteLinkHandler implements Handler<DeleteLink> {
  constructor(private readonly links: LinkRepository) {}

  async execute({ id }: DeleteLink): Promise<void> {
    if (!(await this.links.delete(id))) throw new LinkNotFound(id);
  }
}
