import { uuidv7 } from 'uuidv7';

/** Makes UUID v7 ids: unique, and ascending within a process, so that they can be sorted by age. */
export class Ids {
  next(): string {
    return uuidv7();
  }
}
