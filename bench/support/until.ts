import { setTimeout as delay } from 'node:timers/promises';

const TIMEOUT_MS = 120_000;

/** Asks again and again; throws when the answer is still no after two minutes. */
export async function until(isSo: () => Promise<boolean>, everyMs: number): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`Not done after ${TIMEOUT_MS / 1_000} s`);
    await delay(everyMs);
  }
}
