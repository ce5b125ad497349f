import { Command } from '@nestjs/cqrs';
import { type BatchHandler, Handles } from '../../kernel/cqrs/handles.js';
import { DispatchRepository, type DispatchRow } from '../dispatch.repository.js';

/**
 * Enters a call into the journal before it is made. Answers false when the dispatcher was declared dead by then: its
 * messages are with others, and nothing may be sent.
 */
export class EnterCall extends Command<boolean> {
  constructor(
    readonly dispatcherId: string,
    readonly call: DispatchRow,
  ) {
    super();
  }
}

@Handles(EnterCall, { batch: 500 })
export class EnterCallHandler implements BatchHandler<EnterCall> {
  constructor(private readonly dispatches: DispatchRepository) {}

  async executeMany(commands: readonly EnterCall[]): Promise<boolean[]> {
    const entered = new Map<string, boolean>();
    for (const [id, ofOne] of Map.groupBy(commands, ({ dispatcherId }) => dispatcherId)) {
      const calls = ofOne.map(({ call }) => call);
      entered.set(id, await this.dispatches.enter(id, calls));
    }
    return commands.map(({ dispatcherId }) => entered.get(dispatcherId) ?? false);
  }
}
