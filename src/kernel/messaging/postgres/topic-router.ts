/**
 * Which queues a routing key leads to, as an AMQP topic exchange decides it: `*` stands for one word, `#` for any
 * number of words, and a queue is named once however many of its bindings match. Bindings are only ever added.
 */
export class TopicRouter {
  readonly #bindings = new Map<string, Map<string, ReadonlySet<string>>>();
  /** Answers of recent keys: routing keys carry ids, so it is emptied before it can grow without end. */
  readonly #answers = new Map<string, readonly string[]>();

  add(exchange: string, pattern: string, queue: string): void {
    const patterns = this.#bindings.get(exchange) ?? new Map<string, ReadonlySet<string>>();
    patterns.set(pattern, new Set([...(patterns.get(pattern) ?? []), queue]));
    this.#bindings.set(exchange, patterns);
    this.#answers.clear();
  }

  has(exchange: string, pattern: string, queue: string): boolean {
    return this.#bindings.get(exchange)?.get(pattern)?.has(queue) ?? false;
  }

  route(exchange: string, routingKey: string): readonly string[] {
    const question = `${exchange}\n${routingKey}`;
    let answer = this.#answers.get(question);
    if (answer === undefined) {
      answer = this.#find(exchange, routingKey);
      if (this.#answers.size >= MAX_ANSWERS) this.#answers.clear();
      this.#answers.set(question, answer);
    }
    return answer;
  }

  #find(exchange: string, routingKey: string): readonly string[] {
    const key = routingKey.split('.');
    const found = new Set<string>();
    for (const [pattern, queues] of this.#bindings.get(exchange) ?? []) {
      if (matches(pattern.split('.'), key)) for (const queue of queues) found.add(queue);
    }
    return [...found];
  }
}

const MAX_ANSWERS = 10_000;

/** Whether the words of a routing key fit the words of a topic pattern. */
function matches(pattern: readonly string[], key: readonly string[]): boolean {
  // reachable[i]: the pattern read so far can have consumed exactly i words of the key.
  let reachable = key.map(() => false);
  reachable.unshift(true);
  for (const word of pattern) {
    reachable =
      word === '#'
        ? fromFirst(reachable)
        : reachable.map(
            (_, i) => i > 0 && reachable[i - 1] === true && (word === '*' || word === key[i - 1]),
          );
  }
  return reachable.at(-1) === true;
}

function fromFirst(reachable: readonly boolean[]): boolean[] {
  const first = reachable.indexOf(true);
  return reachable.map((_, i) => first !== -1 && i >= first);
}
