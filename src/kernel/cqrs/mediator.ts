import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { Command, Query } from '@nestjs/cqrs';
import { DomainError } from '../domain/domain-error.js';
import { UnitOfWork } from '../persistence/unit-of-work.js';
import { Batcher } from './batcher.js';
import {
  type BatchHandler,
  handledBy,
  type Handler,
  type HandlesOptions,
  type Outcome,
} from './handles.js';

type Request = Command<unknown> | Query<unknown>;
type Dispatch = (request: never) => Promise<unknown>;
type Many = (commands: readonly Command<unknown>[]) => Promise<readonly Outcome<unknown>[]>;

interface Registered {
  readonly dispatch: Dispatch;
  /** Of a handler that takes many at once. */
  readonly many?: Many;
}

/**
 * Takes every command and query to its one handler.
 *
 * A command runs inside a Unit of Work that the mediator opens and commits, or inside the one that is
 * already open. Handlers declared with `batch` share transactions between concurrent callers.
 * Rejects with the handler's error; then nothing was written.
 */
@Injectable()
export class Mediator implements OnModuleInit {
  readonly #handlers = new Map<unknown, Registered>();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly unitOfWork: UnitOfWork,
  ) {}

  /** Fails the boot when two classes handle one type. */
  onModuleInit(): void {
    for (const { metatype, instance } of this.discovery.getProviders()) {
      const handled = metatype && handledBy(metatype);
      if (!handled || !instance) continue;
      if (this.#handlers.has(handled.type))
        throw new Error(`Two handlers for ${handled.type.name}`);
      this.#handlers.set(handled.type, {
        ...(handled.batch
          ? this.#batched(instance as BatchHandler<Command<unknown>>, handled)
          : { dispatch: (request) => (instance as Handler<Request>).execute(request) }),
      });
    }
  }

  async execute<R>(command: Command<R>): Promise<R> {
    const { dispatch, many } = this.#handlerOf(command);
    // A batcher opens its own transactions, and joins an open one by itself.
    const result = many
      ? dispatch(command as never)
      : this.unitOfWork.run(() => dispatch(command as never));
    return (await result) as R;
  }

  /**
   * Many commands of one type whose handler takes many at once, in one call of it and in the open Unit of Work, or in
   * one of their own. One answer or broken rule for each; any other error fails them all.
   */
  async executeMany<R>(commands: readonly Command<R>[]): Promise<readonly Outcome<R>[]> {
    const [first] = commands;
    if (!first) return [];
    const { many } = this.#handlerOf(first);
    if (!many) throw new Error(`The handler of ${first.constructor.name} takes one at a time`);
    return (await this.unitOfWork.run(() => many(commands))) as readonly Outcome<R>[];
  }

  async ask<R>(query: Query<R>): Promise<R> {
    return (await this.#handlerOf(query).dispatch(query as never)) as R;
  }

  #handlerOf(request: Request) {
    const handler = this.#handlers.get(request.constructor);
    if (!handler) throw new Error(`No handler for ${request.constructor.name}`);
    return handler;
  }

  #batched(handler: BatchHandler<Command<unknown>>, options: HandlesOptions): Registered {
    const { batch: max = 1, batchesAtOnce } = options;
    const many: Many = (commands) => handler.executeMany(commands);
    const flush = (commands: readonly Command<unknown>[]) =>
      this.unitOfWork.run(() => many(commands));
    const batcher = new Batcher(max, flush, batchesAtOnce);
    const dispatch: Dispatch = (command) =>
      this.unitOfWork.isOpen ? executeOne(handler, command) : batcher.add(command);
    return { dispatch, many };
  }
}

async function executeOne(
  handler: BatchHandler<Command<unknown>>,
  command: Command<unknown>,
): Promise<unknown> {
  const [outcome] = await handler.executeMany([command]);
  if (outcome instanceof DomainError) throw outcome;
  return outcome;
}
