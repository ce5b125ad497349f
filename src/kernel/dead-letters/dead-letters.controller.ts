import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { RequiresRight } from '../access/access.decorators.js';
import { ApiAnswer, ApiProblems } from '../http/api.decorators.js';
import { Idempotent } from '../http/idempotent.decorator.js';
import type { Page } from '../http/pages.js';
import { uuidParam } from '../http/shapes.js';
import {
  letterPage,
  letterSummary,
  letterView,
  listLettersQuery,
  type ListLettersRequest,
  redriveAnswer,
  type RedriveAnswer,
  redriveLetters,
  type RedriveRequest,
} from './dead-letters.dto.js';
import {
  DeadLetters,
  type LetterSummary,
  type LetterView,
  type OverviewView,
} from './dead-letters.js';
import { Redrive } from './redrive.js';

/** For operators: what could not be handled, why, and another try once the cause is mended. */
@ApiTags('dead letters')
@Controller('dead-letters')
@RequiresRight('task:operate')
export class DeadLettersController {
  constructor(
    private readonly letters: DeadLetters,
    private readonly redrive: Redrive,
  ) {}

  @Get()
  @ApiOperation({ summary: 'List dead letters, the latest death first' })
  @ApiAnswer(letterPage)
  list(
    @Query({ schema: listLettersQuery }) query: ListLettersRequest,
  ): Promise<Page<OverviewView>> {
    return this.letters.list(query);
  }

  @Get('summary')
  @ApiOperation({ summary: 'Count the letters that are dead per queue and class of reason' })
  @ApiAnswer(letterSummary)
  summarize(): Promise<LetterSummary> {
    return this.letters.summarize();
  }

  // Chunks have transactions of their own. Repeated, it goes on with what is still dead.
  @Post('redrive')
  @HttpCode(200)
  @ApiOperation({ summary: 'Send all dead letters of a filter to their queues again' })
  @ApiAnswer(redriveAnswer)
  redriveMatching(@Body({ schema: redriveLetters }) body: RedriveRequest): Promise<RedriveAnswer> {
    return this.redrive.matching(body);
  }

  @Get(':dead_letter_id')
  @ApiOperation({ summary: 'Get a dead letter with its headers and payload, secrets hidden' })
  @ApiAnswer(letterView)
  get(@Param('dead_letter_id', { schema: uuidParam }) id: string): Promise<LetterView> {
    return this.letters.get(id);
  }

  @Post(':dead_letter_id/redrive')
  @Idempotent()
  @HttpCode(200)
  @ApiOperation({ summary: 'Send a dead letter to the queue it died in again, with its id' })
  @ApiAnswer(letterView)
  @ApiProblems(409)
  async redriveOne(
    @Param('dead_letter_id', { schema: uuidParam }) id: string,
  ): Promise<LetterView> {
    await this.redrive.one(id);
    return this.letters.get(id);
  }

  @Delete(':dead_letter_id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Discard a dead letter for good' })
  discard(@Param('dead_letter_id', { schema: uuidParam }) id: string): Promise<void> {
    return this.letters.discard(id);
  }
}
