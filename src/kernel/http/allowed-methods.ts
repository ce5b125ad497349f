import { Injectable } from '@nestjs/common';

/** Knows every route, to answer 405 with `Allow` instead of 404. Asked only for requests that found no route. */
@Injectable()
export class AllowedMethods {
  readonly #methods = new Map<string, { readonly path: RegExp; readonly methods: Set<string> }>();

  /** `pattern` in Fastify's syntax: `/tasks/:id`, `/docs/*`. */
  add(pattern: string, methods: string | readonly string[]): void {
    const route = this.#methods.get(pattern) ?? { path: toRegExp(pattern), methods: new Set() };
    this.#methods.set(pattern, route);
    [methods].flat().forEach((method) => route.methods.add(method));
  }

  /** The methods that a path answers, sorted; none when there is nothing at the path. */
  of(path: string): string[] {
    const routes = [...this.#methods.values()].filter((route) => route.path.test(path));
    return [...new Set(routes.flatMap(({ methods }) => [...methods]))].sort();
  }
}

function toRegExp(pattern: string): RegExp {
  const source = pattern
    .replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll(/:[^/]+/g, '[^/]+')
    .replaceAll('*', '.*');
  return new RegExp(`^${source}/?$`);
}
