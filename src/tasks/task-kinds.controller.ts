import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Mediator } from '../kernel/cqrs/mediator.js';
import { ApiAnswer } from '../kernel/http/api.decorators.js';
import { ListTaskKinds } from './queries/list-task-kinds.js';
import { taskKindList, type TaskKindView } from './tasks.dto.js';

@ApiTags('tasks')
@Controller('task-kinds')
export class TaskKindsController {
  constructor(private readonly mediator: Mediator) {}

  @Get()
  @ApiOperation({ summary: 'List the kinds of tasks, with the schemas of payload and result' })
  @ApiAnswer(taskKindList)
  list(): Promise<{ items: TaskKindView[] }> {
    return this.mediator.ask(new ListTaskKinds());
  }
}
