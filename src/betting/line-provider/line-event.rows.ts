import type { LineEventState, LineResult, SavedLineEvent } from './domain/line-event.state.js';
import { decimalText } from './domain/thousandths.js';
import type { LineEventView } from './line-events.dto.js';

/** A row of `line_provider.event` as the driver returns it. */
export interface LineEventRow {
  readonly id: string;
  readonly version: number;
  readonly ratio: number;
  readonly deadline: Date;
  readonly status: LineEventState['status'];
  readonly result: LineResult | null;
  readonly feed_version: string;
  readonly created_at: Date;
  readonly changed_at: Date;
}

export function toSaved(row: LineEventRow): SavedLineEvent {
  return {
    id: row.id,
    version: row.version,
    ratio: row.ratio,
    deadline: row.deadline,
    status: row.status,
    result: row.result,
    feedVersion: row.feed_version,
    createdAt: row.created_at,
    changedAt: row.changed_at,
  };
}

export function toView(event: SavedLineEvent): LineEventView {
  return {
    event_id: event.id,
    version: event.version,
    ratio: decimalText(event.ratio),
    deadline: event.deadline,
    status: event.status,
    result: event.result && {
      settlement: event.result.settlement,
      outcome: event.result.outcome,
      void_share: decimalText(event.result.voidShare),
      dead_heat: decimalText(event.result.deadHeat),
    },
    feed_version: event.feedVersion,
    changed_at: event.changedAt,
  };
}
