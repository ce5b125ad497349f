import type { Caller } from '../access/caller.js';
import type { Headers } from './broker.js';

/** What `@Ctx()` tells of a message. The channel is no part of it: to settle is the pipeline's work. */
export class MessageContext {
  readonly id: string;
  /** As the handler declares it. */
  readonly route: string;
  readonly params: Readonly<Record<string, string>>;
  readonly headers: Headers;
  /** 1 on the first arrival. */
  readonly attempt: number;
  /** Who sent it. */
  readonly caller: Caller;

  constructor(told: MessageContext) {
    this.id = told.id;
    this.route = told.route;
    this.params = told.params;
    this.headers = told.headers;
    this.attempt = told.attempt;
    this.caller = told.caller;
  }
}
