import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';
import type { StartTimer, StartTrigger } from './definition/start-triggers.js';
import type { DefinitionRef } from './definition.repository.js';

/** A trigger of the version that is published. */
export interface ListeningTrigger extends DefinitionRef {
  readonly node: string;
  readonly name: string;
  readonly messageKey: string | null;
}

export interface TimerTrigger {
  readonly key: string;
  readonly node: string;
  readonly version: number;
  readonly timer: StartTimer;
  nextAt: Date | null;
}

/** For one key of a signal: since when, and until when, its criterion counts as holding. */
export interface Edge {
  readonly key: string;
  readonly node: string;
  readonly about: string;
  /** Null: until a report says otherwise. */
  readonly until: Date | null;
}

interface TriggerName {
  readonly key: string;
  readonly node: string;
}

const keysOf = (names: readonly TriggerName[]): string[] => names.map(({ key }) => key);
const nodesOf = (names: readonly TriggerName[]): string[] => names.map(({ node }) => node);

/** The only code that writes what starts instances, in the open Unit of Work. */
@Injectable()
export class TriggerRepository {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /**
   * Makes these the only triggers of a workflow, which must be locked. A criterion that listens to the same as before
   * goes on from where it was, so that a new version starts nothing anew.
   */
  async replace(
    key: string,
    version: number,
    triggers: readonly (StartTrigger & { readonly nextAt: Date | null })[],
  ): Promise<void> {
    const columns = [
      triggers.map(({ node }) => node),
      triggers.map(({ kind }) => kind),
      triggers.map(({ name }) => name),
      triggers.map((trigger) => trigger.key),
    ];
    await this.unitOfWork.query(
      `delete from workflows.start_edge e using workflows.start_trigger t
       where e.key = $1 and t.key = $1 and t.node = e.node and not exists (
         select from unnest($2::text[], $3::text[], $4::text[], $5::text[]) as kept (node, kind, name, message_key)
         where kept.node = t.node and kept.kind = t.kind and kept.name = t.name
           and kept.message_key is not distinct from t.message_key)`,
      [key, ...columns],
    );
    await this.unitOfWork.query(`delete from workflows.start_trigger where key = $1`, [key]);
    if (triggers.length === 0) return;
    await this.unitOfWork.query(
      `insert into workflows.start_trigger (key, version, node, kind, name, message_key, timer, next_at)
       select $1, $2, node, kind, name, message_key, timer::json, next_at
       from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[])
         as trigger (node, kind, name, message_key, timer, next_at)`,
      [
        key,
        version,
        ...columns,
        triggers.map(({ timer }) => timer && JSON.stringify(timer)),
        triggers.map(({ nextAt }) => nextAt),
      ],
    );
  }

  /** Those that listen to any of these names, by key and node. */
  async listening(
    kind: 'message' | 'criterion',
    names: readonly string[],
  ): Promise<ListeningTrigger[]> {
    return this.unitOfWork.query<ListeningTrigger>(
      `select t.key, t.node, t.version, t.name, t.message_key as "messageKey", w.config_revision as "configRevision"
       from workflows.start_trigger t join workflows.workflow w using (key)
       where t.kind = $1 and t.name = any($2) order by t.key, t.node`,
      [kind, names],
    );
  }

  /** Locks and loads; whoever fires the same one waits, and then finds it gone on. */
  async lockTimers(names: readonly TriggerName[]): Promise<TimerTrigger[]> {
    return this.unitOfWork.query<TimerTrigger>(
      `select key, node, version, timer, next_at as "nextAt" from workflows.start_trigger
       where kind = 'timer' and (key, node) in (select * from unnest($1::text[], $2::text[]))
       order by key, node for update`,
      [keysOf(names), nodesOf(names)],
    );
  }

  async saveTimers(timers: readonly TimerTrigger[]): Promise<void> {
    await this.unitOfWork.query(
      `update workflows.start_trigger t set next_at = saved.next_at
       from unnest($1::text[], $2::text[], $3::timestamptz[]) as saved (key, node, next_at)
       where t.key = saved.key and t.node = saved.node`,
      [keysOf(timers), nodesOf(timers), timers.map(({ nextAt }) => nextAt)],
    );
  }

  /** Of those whose criterion holds. The names of their signals must be locked. */
  async edges(names: readonly TriggerName[], abouts: readonly string[]): Promise<Edge[]> {
    return this.unitOfWork.query<Edge>(
      `select key, node, about, until from workflows.start_edge
       where (key, node) in (select * from unnest($1::text[], $2::text[])) and about = any($3)`,
      [keysOf(names), nodesOf(names), abouts],
    );
  }

  async saveEdges(held: readonly Edge[], ended: readonly Omit<Edge, 'until'>[]): Promise<void> {
    if (ended.length > 0)
      await this.unitOfWork.query(
        `delete from workflows.start_edge where (key, node, about) in (
           select * from unnest($1::text[], $2::text[], $3::text[]))`,
        [keysOf(ended), nodesOf(ended), ended.map(({ about }) => about)],
      );
    if (held.length > 0)
      await this.unitOfWork.query(
        `insert into workflows.start_edge (key, node, about, until)
         select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
         on conflict (key, node, about) do update set until = excluded.until`,
        [
          keysOf(held),
          nodesOf(held),
          held.map(({ about }) => about),
          held.map(({ until }) => until),
        ],
      );
  }

  /** Why a trigger could not be judged, until it can be; there is no instance to be stuck. */
  async saveErrors(
    errors: readonly (TriggerName & { readonly error: string | null })[],
    now: Date,
  ): Promise<void> {
    await this.unitOfWork.query(
      `update workflows.start_trigger t
       set last_error = case when told.message is null then null
                        else json_build_object('message', told.message, 'at', $4::timestamptz) end
       from unnest($1::text[], $2::text[], $3::text[]) as told (key, node, message)
       where t.key = told.key and t.node = told.node
         and (told.message is not null or t.last_error is not null)`,
      [keysOf(errors), nodesOf(errors), errors.map(({ error }) => error), now],
    );
  }
}
