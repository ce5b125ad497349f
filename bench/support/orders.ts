/** What a bench and the programs it measures say to each other, one line of JSON per message. */
export type Order =
  | {
      readonly do: 'create';
      readonly kind: string;
      readonly priority?: number;
      /** Tasks in one command. */
      readonly perCommand: number;
      /** Commands under way at once. */
      readonly concurrency: number;
      /** Stop after so many tasks, or after so many seconds. */
      readonly until: { readonly tasks: number } | { readonly seconds: number };
      /** Tasks that may be created and not yet reported by {@link Credit}; default: no limit. */
      readonly window?: number;
    }
  | {
      /** One task per command, each at its time whether or not those before it were answered. */
      readonly do: 'create-at';
      readonly kind: string;
      readonly priority?: number;
      readonly perSecond: number;
      readonly seconds: number;
    }
  | {
      /** Workflow instances, one per command. */
      readonly do: 'start';
      readonly workflow: string;
      readonly concurrency: number;
      readonly until: { readonly tasks: number } | { readonly seconds: number };
      readonly window: number;
    }
  | {
      /** People and a prediction system, each lane with a machine of its own. */
      readonly do: 'people';
      readonly workflow: string;
      readonly lanes: number;
      readonly seconds: number;
    }
  | {
      /** Signals that give rise to a user task each, each at its time whether or not those before it were answered. */
      readonly do: 'signal-at';
      readonly workflow: string;
      readonly perSecond: number;
      readonly seconds: number;
    }
  | { readonly do: 'starts' }
  /** Messages handled so far, by the program of `messages`. */
  | { readonly do: 'handled' }
  /** Sends messages through the outbox, each at its time. */
  | { readonly do: 'lateness'; readonly perSecond: number; readonly seconds: number };

/** Tells the creator how many of its tasks are done, all told. */
export interface Credit {
  readonly finished: number;
}

export interface Created {
  readonly tasks: number;
  readonly seconds: number;
}

/** What people have done, and in how long. */
export interface Busy {
  readonly signals: number;
  readonly completions: number;
  readonly instances: number;
  readonly seconds: number;
}

/** Instants in milliseconds, with fractions, on the clock of the machine. */
export interface Creation {
  readonly id: string;
  /** When it was due to be asked for. */
  readonly askedAt: number;
  readonly answeredAt: number;
}

/** Task id and the instant at which its handler was entered. */
export type Starts = [id: string, at: number][];

export interface Answers {
  create: Created;
  'create-at': Creation[];
  start: Created;
  people: Busy;
  /** Milliseconds from the time of each signal to the commit of its user task. */
  'signal-at': number[];
  starts: Starts;
  handled: number;
  /** Milliseconds from the wish to append a message to the entry of its handler. */
  lateness: number[];
}

export type AnswerTo<O extends Order> = Answers[O['do']];
