import { Buffer, isUtf8 } from 'node:buffer';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { decodeCursor, type Page, page } from '../http/pages.js';
import { uuidParam } from '../http/shapes.js';
import { parseRedacted, redactText } from '../observability/redaction.js';
import {
  DeadLetterStore,
  type LetterInFull,
  type LetterOverview,
  type ReasonCount,
} from './dead-letter.store.js';
import type { ListLettersRequest, PayloadView } from './dead-letters.dto.js';
import { DeadLetterNotFound } from './dead-letters.errors.js';

export type OverviewView = LetterOverview;
export type LetterView = Omit<LetterInFull, 'headers' | 'payload' | 'bytes'> & {
  readonly headers: unknown;
  readonly payload: PayloadView;
};
export interface LetterSummary {
  readonly total: number;
  readonly items: readonly ReasonCount[];
}

/** Milliseconds up to the year 9999, and the id. */
const cursor = z.tuple([z.int().min(0).max(253_402_300_799_999), uuidParam]);

/** The dead letters as they are shown: secrets are stored, for the redrive, and never told. Tokens are not even stored. */
@Injectable()
export class DeadLetters {
  constructor(private readonly store: DeadLetterStore) {}

  /** Throws `ValidationError` for a broken cursor. */
  async list({ limit, cursor: after, ...filter }: ListLettersRequest): Promise<Page<OverviewView>> {
    const [diedAt, id] = after === undefined ? [] : decodeCursor(cursor, after);
    const before =
      diedAt === undefined || id === undefined ? undefined : ([new Date(diedAt), id] as const);
    const letters = await this.store.list(filter, limit + 1, before);
    return page(letters.map(withoutSecrets), limit, (letter) => [
      letter.died_at.getTime(),
      letter.id,
    ]);
  }

  /** Throws `DeadLetterNotFound`. */
  async get(id: string): Promise<LetterView> {
    const letter = await this.store.get(id);
    if (!letter) throw new DeadLetterNotFound(id);
    const { bytes, headers, payload, ...rest } = letter;
    return {
      ...withoutSecrets(rest),
      headers: parseRedacted(headers),
      payload: { ...readable(payload, bytes), bytes },
    };
  }

  async summarize(): Promise<LetterSummary> {
    const items = await this.store.summarize();
    return { total: items.reduce((total, { count }) => total + count, 0), items };
  }

  /** Throws `DeadLetterNotFound`. */
  async discard(id: string): Promise<void> {
    if (!(await this.store.discard(id))) throw new DeadLetterNotFound(id);
  }
}

function withoutSecrets<Letter extends LetterOverview>(letter: Letter): Letter {
  return { ...letter, reason: redactText(letter.reason) };
}

/** Of characters that are no UTF-8, above which a payload is no text. */
const BROKEN_SHARE = 0.1;

/** JSON when it is JSON, text when it is mostly UTF-8, so that secrets are found in it, else base64. */
function readable(payload: Buffer, bytes: number): Omit<PayloadView, 'bytes'> {
  const text = payload.toString('utf8');
  const broken = isUtf8(payload) ? 0 : text.split('\ufffd').length - 1;
  if (broken > BROKEN_SHARE * text.length)
    return { encoding: 'base64', content: payload.toString('base64') };
  if (payload.length === bytes && broken === 0) {
    try {
      return { encoding: 'json', content: parseRedacted(text) };
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  return { encoding: 'text', content: redactText(text) };
}
