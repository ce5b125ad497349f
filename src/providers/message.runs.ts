import { commandMessage, type OutboxMessage } from '../kernel/outbox/outbox-message.js';

/** Scope of the messages that tell dispatchers of other processes that something is queued. */
export const MESSAGE_RUNS = 'message-runs';

/** Wakes one dispatcher. It may be lost or doubled: what is queued is found in Postgres. */
export function queuedMessage(): OutboxMessage {
  return commandMessage({ queue: MESSAGE_RUNS, route: 'queued', body: null });
}
