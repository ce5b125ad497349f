import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { HeatRepository } from '../heat.repository.js';

/** Adds up what movements have appended, so that reading stays cheap. */
export class FoldHeat extends Command<void> {}

@Handles(FoldHeat)
export class FoldHeatHandler implements Handler<FoldHeat> {
  constructor(private readonly heat: HeatRepository) {}

  execute(): Promise<void> {
    return this.heat.fold();
  }
}
