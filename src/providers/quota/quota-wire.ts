import { GUARD_MS } from './engine/book.js';
import type { Exchange, Quota, QuotaAnswer, QuotaPhase, QuotaState } from './engine/quota.js';

/** An exchange as the script reads it: no nulls, which are true in Lua, and every default filled in. */
export function exchangeToWire({ quota, told, refusal, clock, ...rest }: Exchange): string {
  const { model, periodMs, guardMs = GUARD_MS } = quota;
  return JSON.stringify({
    ...rest,
    quota: { model, limit: quota.limit ?? 0, periodMs, guardMs },
    told: told
      ? { ...told, limit: told.limit ?? undefined, resetMs: told.resetMs ?? undefined }
      : undefined,
    refusal: refusal
      ? { epoch: refusal.epoch, retryAfterMs: refusal.retryAfterMs ?? undefined }
      : undefined,
    clock: clock ?? undefined,
  });
}

/** What the script answers; nothing when there is no book. */
export type WireAnswer = readonly [
  granted: number,
  epoch: number,
  phase: QuotaPhase,
  retryAfterMs: number,
  now: number,
  lapsed: number,
];

export function answerFromWire(wire: WireAnswer | null): QuotaAnswer {
  if (wire === null) {
    return {
      granted: 0,
      epoch: 0,
      phase: 'unknown',
      retryAfterMs: 0,
      now: 0,
      lapsed: true,
      lost: true,
    };
  }
  const [granted, epoch, phase, retryAfterMs, now, lapsed] = wire;
  return { granted, epoch, phase, retryAfterMs, now, lapsed: lapsed === 1, lost: false };
}

export function stateOfNoBook({ providerId }: Quota): QuotaState {
  const nothing = { remaining: null, until: null, epoch: 0, holders: 0, out: 0 };
  return { providerId, phase: 'unknown', ...nothing };
}
