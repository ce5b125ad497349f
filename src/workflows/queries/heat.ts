import { Query } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Database } from '../../kernel/persistence/database.js';
import type { HeatView, NodeHeat } from '../workflow-control.dto.js';
import { expectWorkflow } from './versions.js';

/** Counts by node, of one version or of all. Throws `WorkflowNotFound`. */
export class GetHeat extends Query<HeatView> {
  constructor(
    readonly key: string,
    readonly version?: number,
  ) {
    super();
  }
}

@Handles(GetHeat)
export class GetHeatHandler implements Handler<GetHeat> {
  constructor(private readonly database: Database) {}

  async execute({ key, version }: GetHeat): Promise<HeatView> {
    const counts = await this.database.query<NodeHeat>(
      `select node, sum(tokens)::float as tokens, sum(incidents)::float as incidents, sum(completed)::float as completed
       from (select * from workflows.heat union all select * from workflows.heat_delta) as counted
       where key = $1 and ($2::int is null or version = $2) group by node order by node`,
      [key, version ?? null],
    );
    if (counts.length === 0) await expectWorkflow(this.database, key);
    const nodes = counts.filter(({ node }) => node !== '');
    const whole = counts.find(({ node }) => node === '');
    const sum = (of: (one: NodeHeat) => number, over = nodes): number =>
      over.reduce((total, one) => total + of(one), 0);
    return {
      key,
      version: version ?? null,
      running: whole?.tokens ?? 0,
      ended: whole?.completed ?? 0,
      incidents: sum(({ incidents }) => incidents, counts),
      steps: sum(({ completed }) => completed),
      nodes,
    };
  }
}
