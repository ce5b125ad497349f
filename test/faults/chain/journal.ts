import { fstatSync, openSync, readFileSync, writeSync } from 'node:fs';

/** A message at a consumer of the broker, or at the handler of its scope. */
export interface Note {
  readonly what: 'delivered' | 'started';
  readonly scope: string;
  /** Of the message when it is delivered; of the link when its handler starts. */
  readonly id: string;
  readonly attempt: number;
}

/**
 * A file to which processes append what they see, each line in one write: it survives their kill -9, and needs neither
 * of the servers that a test takes away.
 */
export class Journal {
  readonly #file: number;

  constructor(private readonly path: string) {
    this.#file = openSync(path, 'a');
  }

  write(note: Note): void {
    writeSync(this.#file, `${JSON.stringify(note)}\n`);
  }

  /** In bytes: it grows with every note. */
  get size(): number {
    return fstatSync(this.#file).size;
  }

  read(): Note[] {
    const lines = readFileSync(this.path, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Note);
  }
}
