/** A timer that was set and neither fired nor was cleared; the stack of `from` is the code that set it. */
interface Pending {
  readonly timer: NodeJS.Timeout;
  readonly from: Error;
}

/** Cleared timers are forgotten when so many have gathered. */
const SWEEP_AT = 1_000;

const pending = new Map<NodeJS.Timeout, Pending>();

/**
 * From now on knows every timer that the program and its libraries set in this test file. Node's own count will not do:
 * it drifts with the timers inside of `fetch`.
 */
export function watchTimers(): void {
  globalThis.setTimeout = alike(globalThis.setTimeout, (set) => (callback, ...rest) => {
    const timer = set(
      (...args: unknown[]) => {
        pending.delete(timer);
        callback(...args);
      },
      ...rest,
    );
    return remember(timer);
  });
  globalThis.setInterval = alike(
    globalThis.setInterval,
    (set) =>
      (...args) =>
        remember(set(...args)),
  );
}

/** Those that would keep the process alive, by the place that set them. */
export function pendingTimers(): string[] {
  return [...pending.values()]
    .filter(({ timer }) => isArmed(timer))
    .map(({ from }) => placeOf(from));
}

type SetTimer = (callback: (...args: unknown[]) => void, ...rest: unknown[]) => NodeJS.Timeout;

/** Keeps what hangs on the function, such as its promise form. */
function alike<T extends object>(original: T, wrap: (original: SetTimer) => SetTimer): T {
  const wrapped = wrap(original as unknown as SetTimer);
  return Object.defineProperties(
    wrapped,
    Object.getOwnPropertyDescriptors(original),
  ) as unknown as T;
}

/** V8 keeps the frames as they are until somebody reads the stack, which costs a hundred times as much as setting a timer. */
function remember(timer: NodeJS.Timeout): NodeJS.Timeout {
  pending.set(timer, { timer, from: new Error() });
  if (pending.size > SWEEP_AT) for (const [old] of pending) if (!isArmed(old)) pending.delete(old);
  return timer;
}

function placeOf({ stack = '' }: Error): string {
  return stack.split('\n').slice(3, 7).join('\n');
}

/** `clearTimeout` leaves this mark, and Node has no public one. */
function isArmed(timer: NodeJS.Timeout): boolean {
  return timer.hasRef() && !(timer as unknown as { _destroyed: boolean })._destroyed;
}
