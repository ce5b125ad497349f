import { Module } from '@nestjs/common';
import { ScoreLoan } from './score.js';

@Module({ providers: [ScoreLoan] })
export class ScoreModule {}
