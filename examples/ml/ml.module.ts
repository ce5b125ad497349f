import { Module } from '@nestjs/common';
import { RecordResultHandler } from './commands/record-result.js';
import { TrainModelHandler } from './commands/train-model.js';
import { ModelsController } from './models.controller.js';
import { ListResultsHandler } from './queries/list-results.js';
import { ResultRepository } from './result.repository.js';
import { ResultsController } from './results.controller.js';

@Module({
  controllers: [ModelsController, ResultsController],
  providers: [ListResultsHandler, RecordResultHandler, ResultRepository, TrainModelHandler],
})
export class MlModule {}
