import { inspect } from 'node:util';

/** Between two looks at something that gives no signal of its own. */
const PAUSE_MS = 10;

export interface UntilOptions {
  /** Default 15 s. */
  readonly withinMs?: number;
  /** Said when the deadline passes; default: the last answer. */
  readonly what?: string;
}

/** Asks again and again until the answer is truthy, and returns it. Fails after the deadline, telling the last answer. */
export async function until<T>(
  ask: () => T | Promise<T>,
  { withinMs = 15_000, what }: UntilOptions = {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (performance.now() > deadline) {
      const wanted = what ?? ask.toString().slice(0, 200);
      throw new Error(`Not so within ${String(withinMs)} ms: ${wanted} (last: ${inspect(answer)})`);
    }
    await pause();
  }
}

/** Asks until the answer passes the expectations inside; the last failure is the one that is told. */
export async function eventually(
  expectation: () => void | Promise<void>,
  { withinMs = 15_000 }: UntilOptions = {},
): Promise<void> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    try {
      await expectation();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await pause();
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, PAUSE_MS);
  });
}
