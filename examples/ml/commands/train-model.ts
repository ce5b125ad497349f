import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../../src/kernel/cqrs/handles.js';
import type { Trained } from '../models.dto.js';

export class TrainModel extends Command<Trained> {
  constructor(
    readonly modelId: string,
    readonly text: string,
  ) {
    super();
  }
}

/** What a model would learn is beside the point here: it counts words. */
@Handles(TrainModel)
export class TrainModelHandler implements Handler<TrainModel> {
  async execute({ modelId, text }: TrainModel): Promise<Trained> {
    return { model_id: modelId, words: text.split(/\s+/).length, trained_by: process.pid };
  }
}
