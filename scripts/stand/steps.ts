import { ExecaError } from 'execa';

/** Something the user can put right: its message is all that is printed. */
export class StandError extends Error {
  override readonly name = 'StandError';
}

/** Runs a step of bringing the stand up and prints its name and duration. */
export async function step<T>(title: string, work: () => Promise<T>): Promise<T> {
  const since = Date.now();
  try {
    const result = await work();
    printStep(title, Date.now() - since);
    return result;
  } catch (error) {
    console.error(`✗ ${title}`);
    if (error instanceof ExecaError) throw new StandError(error.message, { cause: error });
    throw error;
  }
}

export function printStep(title: string, durationMs: number): void {
  console.log(`✓ ${title.padEnd(28)} ${(durationMs / 1000).toFixed(1)} s`);
}
