import { BadRequestException, HttpException, NotFoundException } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { DomainError, type DomainErrorKind } from '../domain/domain-error.js';
import { RETRY_DELAYS_MS } from './broker.js';
import {
  DeadLetter,
  errorAnswer,
  GiveBack,
  RetryLater,
  Skip,
  UnreadableMessageError,
  verdictOf,
} from './settlement.js';

const domainError = (kind: DomainErrorKind) => new DomainError(kind, 'some-rule', 'It is broken.');

describe('what becomes of a message', () => {
  it.each<[string, Error, string]>([
    ['the handler asks for it', new DeadLetter('never'), 'DeadLetter: never'],
    ['it cannot be read', new UnreadableMessageError('no JSON'), 'no JSON'],
    ['Nest says 400', new BadRequestException('wrong'), 'wrong'],
    ['Nest says 404', new NotFoundException('gone'), 'gone'],
    ['the handler says no as a microservice', new RpcException({ message: 'no' }), 'no'],
    ...(['malformed', 'invalid', 'conflict', 'not-found', 'forbidden', 'too-large'] as const).map(
      (kind): [string, Error, string] => [
        `a rule is broken (${kind})`,
        domainError(kind),
        'some-rule: It is broken.',
      ],
    ),
  ])('goes to the dead letters at once when %s', (_, error, reason) => {
    expect(verdictOf(error, 1, RETRY_DELAYS_MS)).toEqual({
      kind: 'dead-letter',
      reason: expect.stringContaining(reason) as string,
    });
  });

  it.each([
    ['an unexpected error', new Error('boom'), 'Error: boom'],
    ['what is no error at all', 'boom', 'boom'],
    ['a server error of Nest', new HttpException('down', 503), 'down'],
    ['too many requests', new HttpException('slow down', 429), 'slow down'],
    ['an overload that passes', domainError('unavailable'), 'some-rule'],
    ['a limit that passes', domainError('too-many'), 'some-rule'],
  ])('is tried again after %s', (_, error, text) => {
    expect(verdictOf(error, 1, RETRY_DELAYS_MS)).toEqual({
      kind: 'retry',
      delayMs: 1_000,
      error: expect.stringContaining(text) as string,
    });
  });

  it('is tried again 1 s, 5 s, 30 s, 2 min and 10 min later, then goes to the dead letters', () => {
    const ladder = [1, 2, 3, 4, 5, 6].map((attempt) =>
      verdictOf(new Error('boom'), attempt, RETRY_DELAYS_MS),
    );
    expect(ladder.slice(0, 5).map((verdict) => 'delayMs' in verdict && verdict.delayMs)).toEqual([
      1_000, 5_000, 30_000, 120_000, 600_000,
    ]);
    expect(ladder[5]).toEqual({
      kind: 'dead-letter',
      reason: 'gave up after 6 attempts: Error: boom',
    });
  });

  it('waits as long as RetryLater says, but not for ever', () => {
    expect(verdictOf(new RetryLater('30s', 'busy'), 1, RETRY_DELAYS_MS)).toEqual({
      kind: 'retry',
      delayMs: 30_000,
      error: 'RetryLater: busy',
    });
    expect(verdictOf(new RetryLater('30s'), 6, RETRY_DELAYS_MS).kind).toBe('dead-letter');
  });

  it('waits for ever when RetryLater says that attempts do not count', () => {
    expect(verdictOf(new RetryLater('5s', 'no room', false), 6, RETRY_DELAYS_MS)).toEqual({
      kind: 'retry',
      delayMs: 5_000,
      error: 'RetryLater: no room',
      uncounted: true,
    });
  });

  it('is acknowledged when the handler skips it, and left alone when it is given back', () => {
    expect(verdictOf(new Skip('not ours'), 6, RETRY_DELAYS_MS)).toEqual({
      kind: 'ack',
      outcome: 'skipped',
    });
    expect(verdictOf(new GiveBack('stopping'), 6, RETRY_DELAYS_MS)).toEqual({ kind: 'give-back' });
  });

  it('names the wrong fields in the reason, and keeps it short', () => {
    const error = new DomainError('invalid', 'invalid', 'A field is wrong.', {
      errors: [{ field: 'priority', message: 'must be at most 10' }],
    });
    expect(verdictOf(error, 1, RETRY_DELAYS_MS)).toMatchObject({
      reason: 'invalid: A field is wrong.; priority: must be at most 10',
    });
    const { reason } = verdictOf(new DeadLetter('x'.repeat(5_000)), 1, RETRY_DELAYS_MS) as {
      reason: string;
    };
    expect(reason).toHaveLength(1_000);
  });
});

describe('what the asker of a message hears', () => {
  it.each([
    ['the code of a broken rule', domainError('conflict'), 'some-rule', 'some-rule: It is broken.'],
    ['the code of an RpcException', new RpcException({ code: 'c', message: 'm' }), 'c', 'm'],
    ['the text of an RpcException', new RpcException('not now'), 'rejected', 'not now'],
    [
      'nothing of what nobody foresaw',
      new Error('p4ss'),
      'internal',
      expect.not.stringContaining('p4ss'),
    ],
  ])('is %s', (_, error, code, message) => {
    expect(errorAnswer(error)).toEqual({ error: { code, message: message as unknown } });
  });
});
