/** The side of a measured program that its bench speaks to. */
import type * as App from '../../src/app.js';
import { compiled } from './compiled.ts';
import type { Created, Credit, Order } from './orders.ts';

type Application = Awaited<ReturnType<typeof App.startApp>>;

const { stopApp } = await compiled<typeof App>('app.js');

/** What was begun here and is finished, as the bench saw it. */
let finished = 0;
let onCredit: (() => void)[] = [];

export interface Pace {
  /** Steps under way at once. */
  readonly concurrency: number;
  readonly until: { readonly tasks: number } | { readonly seconds: number };
  /** Things that may be begun and not yet reported by {@link Credit}; default: no limit. */
  readonly window?: number;
  /** Things that one step begins; default 1. */
  readonly perCommand?: number;
}

/** Begins things until there are enough; `step` is told how many to begin, and how many were begun before. */
export async function keepPace(
  { concurrency, until, window = Infinity, perCommand = 1 }: Pace,
  step: (size: number, before: number) => Promise<unknown>,
): Promise<Created> {
  const limit = 'tasks' in until ? until.tasks : Infinity;
  const since = performance.now();
  const deadline = 'seconds' in until ? since + until.seconds * 1_000 : Infinity;
  const base = finished;
  let begun = 0;
  const lane = async (): Promise<void> => {
    while (begun < limit && performance.now() < deadline) {
      if (begun - (finished - base) >= window) {
        await new Promise<void>((resolve) => onCredit.push(resolve));
        continue;
      }
      const before = begun;
      const size = Math.min(perCommand, limit - before);
      begun += size;
      await step(size, before);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  return { tasks: begun, seconds: (performance.now() - since) / 1_000 };
}

/** Carries out what the bench orders, and answers. */
export function obey(carryOut: (order: Order) => Promise<unknown>): void {
  process.on('message', (message: Credit | { id: number; order: Order }) => {
    if (!('order' in message)) {
      credit(message);
      return;
    }
    const { id, order } = message;
    carryOut(order).then(
      (answer) => process.send?.({ id, answer }),
      (error: unknown) => {
        process.send?.({ id, error: error instanceof Error ? error.stack : String(error) });
      },
    );
  });
}

function credit(message: Credit): void {
  ({ finished } = message);
  const waiting = onCredit;
  onCredit = [];
  waiting.forEach((resolve) => {
    resolve();
  });
}

/** Ends the program as an orchestrator would. */
export function endWithSignal(app: Application): void {
  process.once('SIGTERM', () => {
    stopApp(app).then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
}
