import type { EventContract } from '../../kernel/messaging/event-contracts.js';
import { LINE_EVENT_CHANGED } from './domain/line-event.js';
import { heartbeat } from './feed.dto.js';
import { lineEvent } from './line-events.dto.js';

export const HEARTBEAT = 'line-provider.heartbeat.v1';

/** Every event that this module publishes. */
export const LINE_EVENT_CONTRACTS: readonly EventContract[] = [
  {
    type: LINE_EVENT_CHANGED,
    description: 'An event was created, or changed in whatever way: the whole of it, as it is now.',
    schema: lineEvent,
  },
  {
    type: HEARTBEAT,
    description: 'The feed lives: every LINE_HEARTBEAT_MS, with the number of its last change.',
    schema: heartbeat,
  },
];
