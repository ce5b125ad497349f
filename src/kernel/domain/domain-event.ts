/**
 * Something that happened, as others may know it.
 * `type` is the wire name and version (`tasks.task-succeeded.v1`), `key` the aggregate whose events keep
 * their order, `data` the JSON body (snake_case).
 */
export interface DomainEvent<Data = object> {
  readonly type: string;
  readonly key: string;
  readonly data: Data;
}
