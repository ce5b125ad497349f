import { Injectable, type Type } from '@nestjs/common';
import type { Command, Query } from '@nestjs/cqrs';
import type { DomainError } from '../domain/domain-error.js';

export type ResultOf<T> = T extends Command<infer R> ? R : T extends Query<infer R> ? R : never;

/** Handles one command (inside a Unit of Work) or one query. Throws a `DomainError` for a broken rule. */
export interface Handler<T extends Command<unknown> | Query<unknown>> {
  execute(request: T): Promise<ResultOf<T>>;
}

/** The result of one command of a batch: what it answers, or the rule it broke. */
export type Outcome<R> = R | DomainError;

/**
 * Handles many commands of one type in one transaction.
 * Returns one outcome per command, in their order. A returned `DomainError` fails its own command only
 * (nothing of that command may have been written); a thrown error fails them all.
 */
export interface BatchHandler<C extends Command<unknown>> {
  executeMany(commands: readonly C[]): Promise<readonly Outcome<ResultOf<C>>[]>;
}

export interface HandlesOptions {
  /** Makes the class a {@link BatchHandler} that is given at most this many commands at once. */
  readonly batch?: number;
  /**
   * Batches under way at once. Default: two, of which one gathers while the other waits for the disk. One is better where
   * a batch would wait for a lock of the one before it: what comes meanwhile is gathered instead.
   */
  readonly batchesAtOnce?: number;
}

export interface Handled extends HandlesOptions {
  readonly type: Type<Command<unknown> | Query<unknown>>;
}

const HANDLED = Symbol('millrace:handled');

/**
 * Makes a class the one handler of a command or query:
 * `@Handles(GetTask)`, or `@Handles(CreateTask, { batch: 500 })` to share transactions between callers.
 */
export function Handles(
  type: Type<Command<unknown> | Query<unknown>>,
  options: HandlesOptions = {},
): ClassDecorator {
  return (target) => {
    Injectable()(target);
    Reflect.defineMetadata(HANDLED, { ...options, type } satisfies Handled, target);
  };
}

export function handledBy(target: object): Handled | undefined {
  return Reflect.getMetadata(HANDLED, target) as Handled | undefined;
}
