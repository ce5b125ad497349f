import { Controller } from '@nestjs/common';
import { SystemDoor } from '../kernel/access/access.decorators.js';
import { MessageScope, OnMessage } from '../kernel/messaging/message.decorators.js';
import { Dispatcher } from './dispatch/dispatcher.js';
import { MESSAGE_RUNS } from './message.runs.js';

/** The door through which dispatchers hear of messages that another process has queued. */
@Controller()
@MessageScope(MESSAGE_RUNS)
export class MessageRunsController {
  constructor(private readonly dispatcher: Dispatcher) {}

  /** Only wakes: what is queued is found in Postgres, sooner or later even without. */
  @SystemDoor()
  @OnMessage('queued', { idempotent: true })
  queued(): void {
    this.dispatcher.wake();
  }
}
