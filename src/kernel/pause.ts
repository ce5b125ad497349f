/** One wait after the other, of which the present one can be cut short. */
export class Pause {
  #end: (() => void) | undefined;

  /** Resolves after so many milliseconds, or with the next {@link end}. */
  async wait(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#end = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#end = undefined;
  }

  /** Nothing is kept of an end that finds nobody waiting. */
  end(): void {
    this.#end?.();
  }
}
