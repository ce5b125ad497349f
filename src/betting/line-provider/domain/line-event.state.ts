export const LINE_EVENT_STATUSES = ['open', 'suspended', 'closed', 'resulted', 'voided'] as const;
export type LineEventStatus = (typeof LINE_EVENT_STATUSES)[number];

export const OUTCOMES = ['won', 'lost', 'void'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** How a bet on the event ends. Shares are thousandths of the whole. */
export interface Ending {
  readonly outcome: Outcome;
  /** This part of the stake is given back, whatever the outcome. */
  readonly voidShare: number;
  /** This part of the winnings is paid: less than all where several share a place. */
  readonly deadHeat: number;
}

/** An ending that counts, until a later settlement replaces it. */
export interface LineResult extends Ending {
  /** 1, and one more with every resettlement. */
  readonly settlement: number;
}

export interface LineEventState {
  readonly id: string;
  /** 1, and one more with every change. */
  readonly version: number;
  /** In thousandths. */
  readonly ratio: number;
  /** When betting ends, or ended: closing early moves it to that instant. */
  readonly deadline: Date;
  readonly status: LineEventStatus;
  readonly result: LineResult | null;
  readonly createdAt: Date;
  readonly changedAt: Date;
}

/** The state together with the number that the feed gave to the change which made it. */
export interface SavedLineEvent extends LineEventState {
  readonly feedVersion: string;
}

/** What is wanted of an event; whatever is left out stays as it is. */
export interface LineChange {
  readonly eventId: string;
  /** The version that the caller has seen. Default: any. */
  readonly version?: number | undefined;
  readonly ratio?: number | undefined;
  readonly deadline?: Date | undefined;
  readonly goal?: Goal | undefined;
}

export type Goal =
  | { readonly to: 'open' | 'suspended' | 'closed' }
  | {
      readonly to: 'settled';
      readonly ending: Ending;
      /** Replaces an ending that counts already. */
      readonly again?: boolean;
    };

const ALL = 1_000;
const NOTHING = 0;

export const WON: Ending = { outcome: 'won', voidShare: NOTHING, deadHeat: ALL };
export const LOST: Ending = { outcome: 'lost', voidShare: NOTHING, deadHeat: ALL };
export const VOID: Ending = { outcome: 'void', voidShare: ALL, deadHeat: ALL };
