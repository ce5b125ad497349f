import { z } from 'zod';
import {
  type ModuleResult,
  WorkflowModule,
  type WorkflowModuleRunner,
} from '../../src/workflows/index.js';

/** What a month may cost, of what is left of the income. */
const AFFORDABLE = 0.4;

const loan = z.strictObject({
  amount: z.number().positive(),
  months: z.int().min(1).max(360),
  income: z.number().min(0).meta({ description: 'A month.' }),
  debts: z.number().min(0).default(0).meta({ description: 'Paid off a month.' }),
});
type Loan = z.output<typeof loan>;

/** Says of a loan whether it can be paid back. Computes and does nothing, so it may run any number of times. */
@WorkflowModule({
  name: 'score',
  description: 'Scores a loan from 0 to 100; from 50 on it is affordable.',
  config: loan,
  outcomes: ['affordable', 'doubtful'],
})
export class ScoreLoan implements WorkflowModuleRunner<Loan> {
  async execute({ amount, months, income, debts }: Loan): Promise<ModuleResult> {
    const left = Math.max(income - debts, 0) * AFFORDABLE;
    const score = Math.round(Math.min((50 * left * months) / amount, 100));
    return { outcome: score >= 50 ? 'affordable' : 'doubtful', result: { score } };
  }
}
