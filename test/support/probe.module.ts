import {
  Body,
  type CanActivate,
  Controller,
  type ExecutionContext,
  Headers,
  Injectable,
  Module,
  Param,
  ParseIntPipe,
  Post,
  UseGuards,
} from '@nestjs/common';
import { z } from 'zod';
import {
  MessageScope,
  OnEvent,
  OnMessage,
  PublishResult,
} from '../../src/kernel/messaging/message.decorators.js';
import { currentContext, type TraceContext } from '../../src/kernel/observability/trace-context.js';
import { commandMessage } from '../../src/kernel/outbox/outbox-message.js';
import { Outbox } from '../../src/kernel/outbox/outbox.js';
import { UnitOfWork } from '../../src/kernel/persistence/unit-of-work.js';

export const TRAINED = 'probe.model-trained.v1';

const training = z.object({ epochs: z.int().min(1).max(100) });
const effect = z.object({ note: z.string() });

export interface Call {
  readonly method: string;
  readonly args: readonly unknown[];
  readonly context: TraceContext | undefined;
}

/** What the probe's handlers were called with, and what they do beyond that. */
@Injectable()
export class Probe {
  readonly calls: Call[] = [];
  /** Runs inside the handler of `effect`, after its row is written. */
  behave: (note: string, attempt: number) => Promise<unknown> = () => Promise.resolve();

  /** As at first. */
  reset(): void {
    this.calls.splice(0);
    this.behave = () => Promise.resolve();
  }

  called(method: string, ...args: unknown[]): void {
    this.calls.push({ method, args, context: currentContext() });
  }

  of(method: string): Call[] {
    return this.calls.filter((call) => call.method === method);
  }

  notes(): unknown[] {
    return this.of('effect').map((call) => call.args[0]);
  }
}

/** Lets in who does not say otherwise, at either door. */
@Injectable()
class Doorkeeper implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const [request] = context.getArgs<[{ headers: Record<string, string> }]>();
    return request.headers['x-deny'] === undefined;
  }
}

@Controller('probe')
@MessageScope('probe')
class ProbeController {
  constructor(
    private readonly probe: Probe,
    private readonly unitOfWork: UnitOfWork,
    private readonly outbox: Outbox,
  ) {}

  @Post(':id/train')
  @OnMessage(':id/train')
  @PublishResult(TRAINED)
  @UseGuards(Doorkeeper)
  train(
    @Param('id', ParseIntPipe) id: number,
    @Body({ schema: training }) body: z.output<typeof training>,
    @Headers('x-colour') colour?: string,
  ) {
    this.probe.called('train', id, body, colour);
    return { id, ...body };
  }

  /** As a client of another make sends it: the route is a name, its parameters are headers. */
  @OnMessage('train_model')
  trainModel(@Param('model_id', ParseIntPipe) id: number, @Body('epochs') epochs: unknown): void {
    this.probe.called('trainModel', id, epochs);
  }

  @OnMessage('effect')
  async effect(@Body({ schema: effect }) { note }: z.output<typeof effect>): Promise<unknown> {
    this.probe.called('effect', note);
    await this.unitOfWork.query('insert into kernel.probe_effect (note) values ($1)', [note]);
    return this.probe.behave(note, this.probe.notes().filter((one) => one === note).length);
  }

  @OnMessage('quick', { idempotent: true })
  quick(@Body() body: unknown) {
    this.probe.called('quick', body, this.unitOfWork.isOpen);
    return { quick: body };
  }

  /** Orders, within a request, what a message is to do later. */
  @Post('order')
  async order(@Body({ schema: effect }) body: z.output<typeof effect>): Promise<void> {
    this.probe.called('order', body);
    await this.unitOfWork.run(() =>
      this.outbox.append([commandMessage({ queue: 'probe', route: 'quick', body })]),
    );
  }

  @OnEvent(TRAINED)
  hear(@Body() body: unknown): void {
    this.probe.called('hear', body);
  }
}

/** A module that knows everything of the kernel and nothing of the world, to be looked at from outside. */
@Module({ controllers: [ProbeController], providers: [Probe, Doorkeeper], exports: [Probe] })
export class ProbeModule {}

/** Where `effect` writes; part of no migration. */
export const PROBE_TABLE = 'create table kernel.probe_effect (note text not null)';
