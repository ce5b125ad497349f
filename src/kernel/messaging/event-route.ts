import { Buffer } from 'node:buffer';
import { DomainError } from '../domain/domain-error.js';

/** AMQP holds a routing key in a short string. */
const MAX_ROUTING_KEY_BYTES = 255;
const ROUTE = /^[^*#\s]+$/;

/**
 * The name of an event with parameters in it: `models/:id/trained` is `models.17.trained` on the wire, and whoever
 * subscribes to it binds `models.*.trained`. A plain type such as `tasks.task-succeeded.v1` is a route without any.
 */
export class EventRoute {
  readonly #words: readonly string[];

  /** Throws for a route that AMQP would read as a pattern. */
  constructor(readonly route: string) {
    this.#words = route.split(/[/.]/).filter((word) => word !== '');
    if (!ROUTE.test(route) || this.#words.length === 0) {
      throw new Error(`"${route}" is no event route: words with "/" or ".", and ":name" for one`);
    }
  }

  /** The topic pattern of a subscription. */
  get binding(): string {
    return this.#words.map((word) => (word.startsWith(':') ? '*' : word)).join('.');
  }

  /** The name on the wire with its parameters in braces: `models.{id}.trained`. */
  get address(): string {
    return this.#words.map((word) => word.replace(/^:(.*)$/, '{$1}')).join('.');
  }

  /** Names of the parameters, in their order. */
  get parameters(): readonly string[] {
    return this.#words.filter((word) => word.startsWith(':')).map((word) => word.slice(1));
  }

  /**
   * The values of the parameters, in their order. Throws a `DomainError` for one that is missing, empty or no text
   * that UTF-8 can hold.
   */
  values(valueOf: (name: string) => string | undefined): readonly string[] {
    return this.parameters.map((name) => {
      const value = valueOf(name);
      if (value?.isWellFormed()) return value;
      throw new DomainError(
        'malformed',
        'missing-route-parameter',
        `"${this.route}" cannot be published without a parameter "${name}".`,
      );
    });
  }

  /** The name on the wire. Every byte of a value survives: `a.b/c` is sent as `a%2Eb%2Fc`. */
  routingKey(values: readonly string[]): string {
    const rest = [...values];
    const words = this.#words.map((word) =>
      word.startsWith(':') ? encodeWord(rest.shift() ?? '') : word,
    );
    const key = words.join('.');
    if (Buffer.byteLength(key) <= MAX_ROUTING_KEY_BYTES) return key;
    throw new DomainError(
      'too-large',
      'route-parameter-too-long',
      `The parameters of "${this.route}" are too long to be published.`,
    );
  }
}

/** Percent-encoding that also hides what separates or matches words of a routing key. */
function encodeWord(value: string): string {
  return encodeURIComponent(value).replaceAll('.', '%2E').replaceAll('*', '%2A');
}
