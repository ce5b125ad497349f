/** Every step between whose neighbours a process may die, by what was done last. */
export type CrashPoint =
  | 'outbox.after-append'
  | 'outbox.before-commit'
  | 'outbox.after-commit'
  | 'relay.after-read'
  | 'relay.after-publish'
  | 'relay.after-confirm'
  | 'relay.after-delete'
  | 'consumer.on-delivery'
  | 'consumer.after-inbox'
  | 'consumer.after-handler'
  | 'consumer.after-commit'
  | 'consumer.after-ack'
  | 'retry.after-publish'
  | 'dead-letter.after-publish';

interface Armed {
  readonly name: string;
  passings: number;
}

/** `CRASH_AT=relay.after-confirm:3` means the third passing; without a number the first. Heeded in tests only. */
export function armedBy(env: NodeJS.ProcessEnv): Armed | undefined {
  if (env['NODE_ENV'] !== 'test' || !env['CRASH_AT']) return undefined;
  const [name = '', passings = '1'] = env['CRASH_AT'].split(':');
  return { name, passings: Number(passings) };
}

// eslint-disable-next-line millrace/env-only-in-env-file -- no setting of the program: a fault that tests arm from outside
const armed = armedBy(process.env);

/** Kills the process (SIGKILL, nothing is flushed) when a test has armed this point; else it is one comparison. */
export function crashPoint(name: CrashPoint): void {
  if (armed !== undefined) pass(armed, name);
}

/** The same, once what was written in this turn of the event loop is with the operating system. */
export function crashPointOnceSent(name: CrashPoint): void {
  if (armed === undefined) return;
  setImmediate(() => {
    pass(armed, name);
  });
}

function pass(armedPoint: Armed, name: CrashPoint): void {
  if (armedPoint.name !== name) return;
  armedPoint.passings -= 1;
  if (armedPoint.passings === 0) process.kill(process.pid, 'SIGKILL');
}
