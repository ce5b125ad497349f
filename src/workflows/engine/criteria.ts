import type { CompiledCriterion, Work } from '../definition/compiled.js';
import type { Json } from '../definition/json.js';
import { activate, subscriptionOf } from './activate.js';
import { reportKey } from './evolve.js';
import type { Run } from './run.js';
import type { Report, Subscription, Token } from './state.js';

type Criteria = Extract<Work, { does: 'criteria' }>;

const criterionSlot = (index: number): string => `criterion${index}`;

/** Waits until enough criteria hold at the same time; reports from before count as long as they live. */
export function awaitCriteria(run: Run, token: Token, work: Criteria): void {
  const subscriptions: Record<string, Subscription> = {};
  for (const [i, { signal }] of work.criteria.entries())
    subscriptions[criterionSlot(i)] = subscriptionOf('signal', signal, run.names(token));
  const result = judge(run, token, work, subscriptions);
  if (result === undefined) activate(run, token, { for: 'criteria' }, { subscriptions });
  else run.finish(token, run.node(token).outcomes[0] ?? 'done', result);
}

/** Looks at a waiting token again, after a report or a change of what its criteria are measured by. */
export function reconsiderCriteria(run: Run, token: Token): void {
  const { work } = run.node(token);
  if (work.does !== 'criteria' || token.status !== 'waiting') return;
  run.guard(token, () => {
    const result = judge(run, token, work, token.subscriptions ?? {});
    if (result !== undefined) run.finish(token, run.node(token).outcomes[0] ?? 'done', result);
  });
}

/** The last data of each signal, by its name, when enough criteria hold. Throws ExpressionError. */
function judge(
  run: Run,
  token: Token,
  { criteria, need }: Criteria,
  subscriptions: Readonly<Record<string, Subscription>>,
): Json | undefined {
  const data: Record<string, Json> = {};
  let held = 0;
  for (const [i, criterion] of criteria.entries()) {
    const subscription = subscriptions[criterionSlot(i)];
    if (!subscription) continue;
    const report = run.state.reports[reportKey(subscription.name, subscription.key)];
    if (!report || !holds(run, token, criterion, report)) continue;
    data[subscription.name] = report.data;
    held += 1;
  }
  return held >= need ? data : undefined;
}

function holds(run: Run, token: Token, criterion: CompiledCriterion, report: Report): boolean {
  const names = run.names(token, { data: report.data });
  const isAlive = !criterion.ttl || criterion.ttl(names, report.at) >= run.now;
  return isAlive && criterion.holds(names);
}
