const TASK = 'task:';

/** Modules that are kinds of tasks under a name of their own: what the config says is the payload. */
export const TASK_MODULES: Readonly<Record<string, string>> = { provider: 'provider.message' };

/** The kind of tasks in which a node of this kind is worked for; undefined where a class does it. */
export const taskKindOf = (kind: string): string | undefined =>
  kind.startsWith(TASK) ? kind.slice(TASK.length) : TASK_MODULES[kind];

/** The kinds of nodes that these kinds of tasks make possible. */
export function taskModulesOf(kinds: readonly string[]): string[] {
  const named = Object.entries(TASK_MODULES).flatMap(([name, kind]) =>
    kinds.includes(kind) ? [name] : [],
  );
  return [...named, ...kinds.map((kind) => `${TASK}${kind}`)];
}
