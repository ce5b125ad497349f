import type { MessageState } from './domain/message.state.js';
import type { MessageView } from './messages.dto.js';

/** The columns of a {@link MessageView}, as a query selects them. */
export const VIEW_COLUMNS = `id, state, wish as provider, payload, response, error, provider as provider_used, attempts,
  max_wait_ms, when_ambiguous, cost_micros::float as cost_micros,
  case when state in ('queued', 'waiting') then run_at end as next_at, created_at, finished_at`;

export function toView(message: MessageState): MessageView {
  const isOpen = message.status === 'queued' || message.status === 'waiting';
  return {
    id: message.id,
    state: message.status,
    provider: message.wish,
    payload: message.payload,
    response: message.response,
    error: message.error,
    provider_used: message.provider,
    attempts: message.attempts,
    max_wait_ms: message.maxWaitMs,
    when_ambiguous: message.whenAmbiguous,
    cost_micros: message.costMicros,
    next_at: isOpen ? message.runAt : null,
    created_at: message.createdAt,
    finished_at: message.finishedAt,
  };
}
